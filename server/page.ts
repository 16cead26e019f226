// page.ts: what a browser gets to see: the repository's own files, TypeScript without its types, comments and indentation, and
// the page for the projector. Who may ask for them is http.ts's business.

import type { IncomingHttpHeaders } from "node:http";
import { readAssets } from "./assets.ts" with { type: "macro" };
import type { Answer } from "./responses.ts";
import { SECURITY_HEADERS } from "./responses.ts";

const TYPES: Record<string, string> = { html: "text/html", css: "text/css", ts: "text/javascript" };
const ASSETS = readAssets();
const stripper = new Bun.Transpiler({ loader: "ts", target: "browser", minifyWhitespace: true });

/** The page's files by their URLs, each made ready once. A file's URL is its path in the repository; the page itself is `/`. */
export function pageFiles(): Map<string, (asked: IncomingHttpHeaders) => Answer> {
  const entries = Object.entries(ASSETS);
  return new Map(
    entries.map(([path, source]) => [path === "web/index.html" ? "/" : `/${path}`, prepare(path, source)]),
  );
}

/** Makes a file ready to be sent; the browser keeps its copy and asks only whether it is still right. */
function prepare(path: string, source: string): (asked: IncomingHttpHeaders) => Answer {
  const extension = path.slice(path.lastIndexOf(".") + 1);
  const plain = Buffer.from(extension === "ts" ? stripper.transformSync(source) : source);
  const packed = Bun.gzipSync(plain);
  const tag = `"${Bun.hash(plain).toString(36)}"`;
  const headers = { ...SECURITY_HEADERS, ETag: tag, "Cache-Control": "no-cache", Vary: "Accept-Encoding" };
  const typed = { ...headers, "Content-Type": `${TYPES[extension]}; charset=utf-8` };
  return (asked) => {
    if (asked["if-none-match"] === tag) return { status: 304, headers, body: "" };
    if (!String(asked["accept-encoding"]).includes("gzip")) return { status: 200, headers: typed, body: plain };
    return { status: 200, headers: { ...typed, "Content-Encoding": "gzip" }, body: packed };
  };
}

/** The page for the projector: the `addresses` where everybody may join, in letters that can be read from the last row. */
export function projectorPage(addresses: string[]): string {
  const links = addresses.map((address) => `<li><a href="${Bun.escapeHTML(address)}">${Bun.escapeHTML(address)}</a>`);
  const isAlone = addresses.every((address) => /^http:\/\/(localhost|127\.[\d.]+|\[::1\]):/.test(address));
  const hint = isAlone
    ? "So far only this computer can. To let everybody in, start the server with <code>--lan</code>."
    : "Choose a name and a password of 8 or more characters. Nothing to install.";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Join the chat</title>
<link rel="stylesheet" href="/web/style.css">
<link rel="icon" href="data:,">
<body class="projector">
<main>
<h1>Join the chat</h1>
<p>Open this in a browser, on a laptop or a phone:</p>
<ul>${links.join("")}</ul>
<p>${hint}</p>
</main>
`;
}
