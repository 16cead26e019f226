// page.ts: what a browser gets to see: the page, made of this repository's own files, and the page for the projector. Who may ask for
// them is http.ts's business.

import type { IncomingHttpHeaders } from "node:http";
import { readAssets } from "./assets.ts" with { type: "macro" };
import { qrCode, qrPicture } from "./qr.ts";
import type { Answer } from "./responses.ts";
import { SECURITY_HEADERS } from "./responses.ts";

const ASSETS = readAssets();
const ROOT = "/banter/"; // where the bundler finds them: on no disk, so that a compiled program has them, too
const SCRIPT = "text/javascript; charset=utf-8";
/** The page's files by their URLs, and their types. Some scripts are loaded when somebody first types, opens the list of people, asks for
 *  a dialog, searches or saves a conversation: see web/parts.ts. */
const TYPES = {
  "/": "text/html; charset=utf-8",
  "/page.js": SCRIPT,
  "/page.js.map": "application/json",
  "/typing.js": SCRIPT,
  "/people.js": SCRIPT,
  "/dialogs.js": SCRIPT,
  "/search.js": SCRIPT,
  "/saving.js": SCRIPT,
  "/style.css": "text/css; charset=utf-8",
  "/projector.css": "text/css; charset=utf-8",
  "/manifest.json": "application/manifest+json",
  "/icon.png": "image/png",
} as const;
type Url = keyof typeof TYPES;
export const PAGE_URLS = Object.keys(TYPES) as Url[];

/** One of them, ready to be sent. The browser keeps its copy and asks only whether it is still right. */
type PageFile = (asked: IncomingHttpHeaders) => Answer;

/** Makes the page's files ready: all its scripts become one file and all its styles another, without what only people who read them
 *  need, because a phone on a slow network waits for each file. The map shows a browser's debugger the sources as they are. */
export async function pageFiles(): Promise<Record<Url, PageFile>> {
  const [script, map] = await bundle("web/page.ts", "linked");
  const [typing] = await bundle("web/typing.ts", "none");
  const [people] = await bundle("web/people.ts", "none");
  const [dialogs] = await bundle("web/dialogs.ts", "none");
  const [search] = await bundle("web/search.ts", "none");
  const [saving] = await bundle("web/saving.ts", "none");
  const [style] = await bundle("web/style.css", "none");
  const [projector] = await bundle("web/projector.css", "none");
  const contents = {
    "/": ASSETS["web/index.html"]!.replaceAll(/\n\s+/g, "\n"),
    "/page.js": script!,
    "/page.js.map": map!,
    "/typing.js": typing!,
    "/people.js": people!,
    "/dialogs.js": dialogs!,
    "/search.js": search!,
    "/saving.js": saving!,
    "/style.css": style!,
    "/projector.css": projector!,
    "/manifest.json": ASSETS["web/manifest.json"]!,
    "/icon.png": Buffer.from(ASSETS["web/icon.png"]!, "base64"),
  };
  const files = PAGE_URLS.map((url) => [url, prepare(TYPES[url], contents[url])]);
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

function prepare(type: string, content: string | Buffer): PageFile {
  const plain = Buffer.from(content);
  const packed = Bun.gzipSync(plain, { level: 12, library: "libdeflate" }); // 4 % less than zlib, in 16 ms, once
  const tag = `"${Bun.hash(plain).toString(36)}"`;
  const headers = { ...SECURITY_HEADERS, ETag: tag, "Cache-Control": "no-cache", Vary: "Accept-Encoding" };
  const typed = { ...headers, "Content-Type": type };
  return (asked) => {
    if (asked["if-none-match"] === tag) return { status: 304, headers, body: "" };
    if (!String(asked["accept-encoding"]).includes("gzip")) return { status: 200, headers: typed, body: plain };
    return { status: 200, headers: { ...typed, "Content-Encoding": "gzip" }, body: packed };
  };
}

/** The page for the projector: the `addresses` where everybody may join, in letters that can be read from the last row, and as codes
 *  that a phone reads. There are none while the computer is in no network. */
export function projectorPage(addresses: string[]): string {
  const how = addresses.every(isOfThisComputer)
    ? "Open this in a browser:"
    : "Scan the code with a phone, or open the address in a browser:";
  const where = `<p>${how}</p>\n<ul>${addresses.map((address) => `<li>${joinHere(address)}</li>`).join("")}</ul>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Join the chat</title>
<link rel="stylesheet" href="/projector.css">
<link rel="icon" href="data:,">
<body class="projector">
<main>
<h1>Join the chat</h1>
${addresses.length > 0 ? where : ""}
<p>${hintFor(addresses)}</p>
</main>
`;
}

function hintFor(addresses: string[]): string {
  if (addresses.length === 0)
    return "This computer is in no network: nobody else can join. Join the Wi-Fi, or plug in a cable; then load this page again.";
  return addresses.every(isOfThisComputer)
    ? "So far only this computer can. To let everybody in, start the server with <code>--lan</code>."
    : "Choose a name and a password of 8 or more characters. Nothing to install.";
}
function isOfThisComputer(address: string): boolean {
  return /^https?:\/\/(localhost|127\.[\d.]+|\[::1\]):/.test(address);
}
/** An address, and its code if others can use it. */
function joinHere(address: string): string {
  const [, scheme, host, port] = /^(\w+:\/\/)(.*?)(:\d+)?$/.exec(Bun.escapeHTML(address))!;
  const code = isOfThisComputer(address) ? undefined : qrCode(address);
  const picture = code === undefined ? "" : qrPicture(code, `QR code of ${scheme}${host}${port ?? ""}`);
  return `${picture}<a href="${scheme}${host}${port ?? ""}"><span>${scheme}</span>${host}<wbr>${port ?? ""}</a>`;
}
