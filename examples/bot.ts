// bot.ts: rolls dice and remembers. Say "!roll 2d6" or "!remind 10m tea is ready" in the lobby, or send it to the bot alone.
// It comes back by itself after a lost connection or a restart of the server, and answers everything once; reminders that
// are not due yet live in this program only. Its account must exist: bun users.ts add dice
// Usage: DICE_PASSWORD=… bun examples/bot.ts [HOST[:PORT] | URL]

import { connect, receiveMessages } from "../client.ts";

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600 };
const USAGE = 'Say "!roll 2d6", or "!remind 10m tea is ready" (s, m or h; a day at most).';

const { DICE_PASSWORD: password = "" } = process.env;
const server = process.argv[2] ?? "localhost:12345";
const chat = await connect({ server, user: "dice", password, rooms: ["#lobby"], backlog: false }).catch(({ message }) =>
  process.exit(console.error(message) ?? 4),
);

for await (const event of receiveMessages(chat)) {
  if (event.type !== "message" || event.from === chat.user || !event.text.startsWith("!")) continue;
  const to = event.to.startsWith("#") ? event.to : event.from;
  // Not awaited: whoever comes next need not wait until this answer is stored.
  const answer = (text: string) => void chat.say(to, text).catch((problem: Error) => console.error(problem.message));
  const [, count, sides] = /^!roll ([1-9]\d?)?d([1-9]\d{0,3})$/.exec(event.text) ?? [];
  const [, time, unit, what] = /^!remind (\d{1,5})([smh]) (.+)$/s.exec(event.text) ?? [];
  const wait = Number(time) * SECONDS[unit ?? "s"]! * 1000; // ms
  if (sides !== undefined) answer(`${event.from} rolls ${roll(Number(count ?? 1), Number(sides))}`);
  else if (what !== undefined && wait <= 86_400_000) setTimeout(answer, wait, `${event.from}: ${what}`);
  else if (/^!(roll|remind|help)\b/.test(event.text)) answer(USAGE);
}

function roll(count: number, sides: number): string {
  const dice = Array.from({ length: count }, () => 1 + Math.floor(Math.random() * sides));
  return count === 1 ? `${dice[0]}` : `${dice.join(" + ")} = ${dice.reduce((sum, one) => sum + one, 0)}`;
}
