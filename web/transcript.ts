// transcript.ts: a conversation as a file, to be kept, read and printed: as text, or as a page that needs nothing else and runs nothing.
// Both are safe to open, whatever was said. Pure: no elements of a page, no clock and no zone of its own.

import type { Message } from "../protocol.ts";
import { describe, isAct } from "../shared/acts.ts";
import { addresses, passages, pieces } from "../shared/passages.ts";
import { emoteOf, sanitizeMessage } from "../shared/text.ts";

/** What is to be kept. */
export interface Transcript {
  name: string; // "#lab", or with whom it was written
  user: string; // who keeps it
  at: number; // ms since 1970, when
  zone: string; // of all times, as "Europe/Vienna"
  messages: readonly Message[]; // in order
}
export type Format = "html" | "txt";

const TYPES: Record<Format, string> = { html: "text/html", txt: "text/plain" };
/** Light and dark by the device; on paper black on white and nothing cut off. */
const STYLE =
  ":root{color-scheme:light dark;font:1em/1.5 system-ui,sans-serif}body{max-width:52rem;margin:2rem auto;padding:0 1rem}" +
  "h2{margin:2rem 0 .5rem;border-bottom:1px solid;font-size:1rem;break-after:avoid}ol{padding:0;list-style:none}li{margin:.5rem 0}" +
  "div{white-space:pre-wrap;overflow-wrap:anywhere}time,i{color:color-mix(in srgb,CanvasText 70%,Canvas)}" +
  "pre,code{font:.9em/1.45 ui-monospace,Consolas,monospace;tab-size:4;background:color-mix(in srgb,CanvasText 7%,Canvas)}" +
  "pre{margin:.3rem 0;padding:.5rem .8rem;overflow:auto}pre code{font-size:1em;background:none}" +
  "@media print{:root{color-scheme:light}body{margin:0}pre{white-space:pre-wrap}}";

/** The file's name: `banter-lab-2026-11-30.html`. */
export function fileName({ name, at, zone }: Transcript, format: Format): string {
  const day = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeZone: zone }).format(at);
  return `banter-${name.replace("#", "")}-${day}.${format}`;
}
/** The file's type, and what is in it. */
export function transcribe(transcript: Transcript, format: Format): { type: string; text: string } {
  const text = format === "html" ? asPage(transcript) : asText(transcript);
  return { type: `${TYPES[format]};charset=utf-8`, text };
}

/** Lines as a terminal shows them. A message's further lines are indented, so that nobody can write one that looks like another's. */
function asText(transcript: Transcript): string {
  const times = timesOf(transcript.zone);
  const lines = [...about(transcript, times.full), ""];
  for (const { day, messages } of daysOf(transcript.messages, times.day)) {
    lines.push(`── ${day} ──`, "");
    for (const message of messages) {
      const { act, text, cut } = saidIn(message, times.full);
      const who = act ? "* " : `${nameOf(message)}${emoteOf(message.text) === undefined ? ":" : ""} `;
      const said = text.split(/[\n\u2028\u2029]/).join("\n  ");
      lines.push(`${times.clock(message.at)} ${who}${said}${cut === "" ? "" : `\n  (${cut})`}`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

function asPage(transcript: Transcript): string {
  const times = timesOf(transcript.zone);
  const [title, ...more] = about(transcript, times.full).map(escape);
  const parts = [
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none';style-src 'unsafe-inline'">`,
    `<title>${title}</title><style>${STYLE}</style><main><h1>${title}</h1>`,
    ...more.map((line) => `<p>${line}</p>`),
  ];
  for (const { day, messages } of daysOf(transcript.messages, times.day)) {
    parts.push(`<h2>${day}</h2><ol>`);
    for (const message of messages) {
      const { act, text, cut } = saidIn(message, times.full);
      const at = `<time title="${times.full(message.at)}">${times.clock(message.at)}</time> `;
      const isSaid = !act && message.removed === undefined;
      const words = isSaid ? marked(text) : `<i>${escape(text)}</i>`;
      const name = act ? at : `<b>${escape(nameOf(message))}</b> ${at}`;
      const line = isSaid ? `<div dir="auto">${words}</div>` : words;
      parts.push(`<li>${name}${line}${cut === "" ? "" : `<i>${cut}</i>`}`);
    }
    parts.push("</ol>");
  }
  return `${parts.join("\n")}\n</main>\n`;
}

/** What the file is: its title, and what should be known who reads it. */
function about({ name, user, at, zone, messages }: Transcript, full: (at: number) => string): string[] {
  const title = name.startsWith("#") ? name : `${user} and ${name}`;
  const count = messages.length === 1 ? "1 message" : `${messages.length.toLocaleString("en")} messages`;
  return [title, `${count}, saved by ${user} at ${full(at)}. All times are those of ${zone}.`];
}
/** Who it is of; of an emote, with a star, as terminals show it. */
function nameOf({ from, host, text }: Message): string {
  return `${emoteOf(text) === undefined ? "" : "* "}${from}${host === true ? " (host)" : ""}`;
}
/** What stands in the place of a message: what somebody did or said, or who removed that. */
function saidIn(message: Message, full: (at: number) => string): { act: boolean; text: string; cut: string } {
  const { removed, cut = 0 } = message;
  if (isAct(message)) return { act: true, text: sanitizeMessage(describe(message, undefined, full)), cut: "" };
  if (removed !== undefined) return { act: false, text: `(removed by ${removed})`, cut: "" };
  const told = cut > 0 ? `${cut} more characters were cut off` : "";
  return { act: false, text: sanitizeMessage(emoteOf(message.text) ?? message.text), cut: told };
}

/** Text as markup that shows it: code as code, addresses as links, and everything else as the letters it is made of. */
function marked(text: string): string {
  const inLine = ({ text, ticks }: { text: string; ticks?: string }) =>
    ticks === undefined ? linked(text) : `<code>${escape(text)}</code>`;
  const parts = passages(text).map(({ text, fence }) =>
    fence === undefined ? pieces(text).map(inLine).join("") : `<pre><code>${escape(text)}</code></pre>`,
  );
  return parts.join("\n").replaceAll("\n<pre>", "<pre>").replaceAll("</pre>\n", "</pre>");
}
function linked(text: string): string {
  let from = 0;
  let marked = "";
  for (const { index, text: address, href } of addresses(text)) {
    const link = `<a href="${escape(href)}" rel="noopener noreferrer nofollow">${escape(address)}</a>`;
    marked += escape(text.slice(from, index)) + link;
    from = index + address.length;
  }
  return marked + escape(text.slice(from));
}
function escape(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}

/** Messages under the days on which they were said. */
function daysOf(messages: readonly Message[], dayOf: (at: number) => string): { day: string; messages: Message[] }[] {
  const days: { day: string; messages: Message[] }[] = [];
  for (const message of messages) {
    const day = dayOf(message.at);
    if (days.at(-1)?.day !== day) days.push({ day, messages: [] });
    days.at(-1)!.messages.push(message);
  }
  return days;
}
/** How times are written. */
function timesOf(timeZone: string) {
  const by = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
    return (at: number) => (Math.abs(at) <= 8.64e15 ? format.format(at) : "--:--");
  };
  const [day, date, clock] = [by({ dateStyle: "full" }), by({ dateStyle: "long" }), by({ timeStyle: "short" })];
  const full = (at: number) => `${clock(at)} on ${date(at)}`;
  return { day: (at: number) => day(at).replace(",", ""), clock, full };
}
