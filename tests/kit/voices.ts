// voices.ts: one person who speaks over TCP, over a WebSocket or with nc, asked in the same way: what must hold for all three is said
// once.

import { Browser } from "./browser.ts";
import { PASSWORD, type TestServer } from "./harness.ts";

export const WAYS = ["tcp", "websocket", "nc"] as const;
export type Way = (typeof WAYS)[number];

export interface Voice {
  /** Says something in the lobby, or to a person; why it was refused, "" if it was not. */
  say(text: string, to?: string): Promise<string>;
  /** Types a command of a host (nc), or sends its frame; why it was refused, "" if it was not. */
  act(command: string, frame: Record<string, unknown>): Promise<string>;
  /** Ends the connection. */
  leave(): void;
  /** Resolves when the connection has ended. */
  ended: Promise<unknown>;
  /** Everything that came so far. */
  text(): string;
}

/** Signs somebody in, in the lobby; rejects with the sentence of a refusal. */
export async function speak(chat: TestServer, way: Way, user: string): Promise<Voice> {
  if (way === "nc") return typist(chat, user);
  const wire = way === "tcp" ? await chat.wire() : await Browser.open(chat);
  const ask = async (frame: Record<string, unknown>): Promise<string> => {
    const answer = await wire.ask(frame);
    return answer.type === "error" ? answer.text : "";
  };
  const refused = await ask({ type: "login", user, password: PASSWORD });
  if (refused !== "") throw new Error(refused);
  await ask({ type: "join", to: "#lobby" });
  return {
    say: (text, to = "#lobby") => ask({ type: "say", to, text }),
    act: (_, frame) => ask(frame),
    leave: () => (wire instanceof Browser ? wire.socket.close() : wire.close()),
    ended: wire instanceof Browser ? wire.closed : wire.ended,
    text: () => wire.text,
  };
}

async function typist(chat: TestServer, user: string): Promise<Voice> {
  const wire = await chat.wire();
  wire.type(`login ${user} ${PASSWORD}`);
  await wire
    .line((line) => line.startsWith("* You are in lobby") || refusal(line) !== "")
    .then((line) => {
      if (refusal(line) !== "") throw new Error(refusal(line));
    });
  const type = async (line: string): Promise<string> => {
    wire.type(line);
    return (await wire.quietLines()).map(refusal).find((why) => why !== "") ?? "";
  };
  return {
    say: (text, to) => type(to === undefined ? text : `/msg ${to} ${text}`),
    act: (command) => type(command),
    leave: () => wire.close(),
    ended: wire.ended,
    text: () => wire.text,
  };
}

/** The sentence of a refusal, as a person reads it; "" if the line is none. */
function refusal(line: string): string {
  return (
    /^\* (.*(?:Nothing was |There is nothing |sent you out\. |has a door|Ask a host|No accounts|No account ).*)$/.exec(
      line,
    )?.[1] ?? ""
  );
}
