// page.ts: what a browser gets to see: the page, made of this repository's own files, and the page for the projector. Who may ask for
// them is http.ts's business.

import type { IncomingHttpHeaders } from "node:http";
import { readAssets } from "./assets.ts" with { type: "macro" };
import type { Answer } from "./responses.ts";
import { SECURITY_HEADERS } from "./responses.ts";

const ASSETS = readAssets();
const ROOT = "/banter/"; // where the bundler finds them: on no disk, so that a compiled program has them, too
/** The page's files by their URLs, and their types. */
const TYPES = {
  "/": "text/html; charset=utf-8",
  "/page.js": "text/javascript; charset=utf-8",
  "/page.js.map": "application/json",
  "/style.css": "text/css; charset=utf-8",
} as const;
type Url = keyof typeof TYPES;
export const PAGE_URLS = Object.keys(TYPES) as Url[];

/** One of them, ready to be sent. The browser keeps its copy and asks only whether it is still right. */
type PageFile = (asked: IncomingHttpHeaders) => Answer;

/** Makes the page's files ready: all its scripts become one file and all its styles another, without what only people who read them
 *  need, because a phone on a slow network waits for each file. The map shows a browser's debugger the sources as they are. */
export async function pageFiles(): Promise<Record<Url, PageFile>> {
  const [script, map] = await bundle("web/page.ts", "linked");
  const [style] = await bundle("web/style.css", "none");
  const texts = { "/": ASSETS["web/index.html"]!, "/page.js": script!, "/page.js.map": map!, "/style.css": style! };
  const files = PAGE_URLS.map((url) => [url, prepare(TYPES[url], texts[url])]);
  return Object.fromEntries(files) as Record<Url, PageFile>;
}

async function bundle(entry: string, sourcemap: "linked" | "none"): Promise<string[]> {
  const files = Object.fromEntries(Object.entries(ASSETS).map(([path, source]) => [ROOT + path, source]));
  const { outputs } = await Bun.build({
    entrypoints: [ROOT + entry],
    files,
    target: "browser",
    minify: true,
    sourcemap,
  });
  return Promise.all(outputs.map((output) => output.text()));
}

function prepare(type: string, text: string): PageFile {
  const plain = Buffer.from(text);
  const packed = Bun.gzipSync(plain, { level: 9 });
  const tag = `"${Bun.hash(plain).toString(36)}"`;
  const headers = { ...SECURITY_HEADERS, ETag: tag, "Cache-Control": "no-cache", Vary: "Accept-Encoding" };
  const typed = { ...headers, "Content-Type": type };
  return (asked) => {
    if (asked["if-none-match"] === tag) return { status: 304, headers, body: "" };
    if (!String(asked["accept-encoding"]).includes("gzip")) return { status: 200, headers: typed, body: plain };
    return { status: 200, headers: { ...typed, "Content-Encoding": "gzip" }, body: packed };
  };
}

/** The page for the projector: the `addresses` where everybody may join, in letters that can be read from the last row. There are
 *  none while the computer is in no network. */
export function projectorPage(addresses: string[]): string {
  const links = addresses.map((address) => `<li><a href="${Bun.escapeHTML(address)}">${Bun.escapeHTML(address)}</a>`);
  const where = `<p>Open this in a browser, on a laptop or a phone:</p>\n<ul>${links.join("")}</ul>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Join the chat</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">
<body class="projector">
<main>
<h1>Join the chat</h1>
${links.length > 0 ? where : ""}
<p>${hintFor(addresses)}</p>
</main>
`;
}

function hintFor(addresses: string[]): string {
  if (addresses.length === 0)
    return "This computer is in no network: nobody else can join. Join the Wi-Fi, or plug in a cable; then load this page again.";
  return addresses.every((address) => /^https?:\/\/(localhost|127\.[\d.]+|\[::1\]):/.test(address))
    ? "So far only this computer can. To let everybody in, start the server with <code>--lan</code>."
    : "Choose a name and a password of 8 or more characters. Nothing to install.";
}
