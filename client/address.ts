// address.ts: where a server is, as people write it: HOST, HOST:PORT or the address of its page. Connects to nobody.

import { sanitizeMessage } from "../shared/text.ts";

/** A port of a server: of the chat, or of the page, where the chat is behind a WebSocket. */
export interface Address {
  host: string;
  port: number;
  isPage?: boolean | undefined;
}
/** An address as it was written; `isEncrypted` is known of a page's. */
export interface Written extends Address {
  isEncrypted?: boolean;
}

const MAX_ADDRESSES = 8; // in a list
const CHAT_PORT = 12345;
const PAGE_PATHS = ["/", "/join", "/join/"]; // what is in a browser's address bar

/** Reads HOST, HOST:PORT, http://HOST:PORT or https://HOST; a sentence if it is none of them. */
export function readAddress(text: string): Written | string {
  return /^https?:/i.test(text) ? readPage(text) : readHost(text);
}

/** Reads a list of them, separated by commas, the servers of one chat; a sentence if one of them is wrong, there twice or too many. */
export function readAddresses(text: string): Written[] | string {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > 1 && parts.includes(""))
    return `An address is missing in "${sanitizeMessage(text)}": write HOST1,HOST2 with one comma between two.`;
  if (parts.length > MAX_ADDRESSES)
    return `${parts.length} addresses are too many: a list has at most ${MAX_ADDRESSES}.`;
  const addresses = parts.map(readAddress);
  const wrong = addresses.find((address) => typeof address === "string");
  if (wrong !== undefined) return wrong;
  const names = (addresses as Written[]).map((address) => hostAndPort(address).toLowerCase());
  const twice = names.find((name, i) => names.indexOf(name) < i);
  return twice === undefined ? (addresses as Written[]) : `${twice} is twice in the list. Name each server once.`;
}

function readHost(text: string): Written | string {
  const [, bracketed, name, digits] = /^(?:\[([\da-fA-F:.%]+)\]|([^:/\s]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const bare = /^[\da-f:]*:[\da-f:]*:[\da-f:.]*$/i.test(text) ? text : undefined; // an IPv6 address without a port
  const host = bare ?? bracketed ?? name;
  const port = Number(digits ?? CHAT_PORT);
  if (host === undefined || port < 1 || port > 65_535)
    return `"${sanitizeMessage(text)}" is no HOST[:PORT]. For example: localhost:12345, [::1]:12345 or http://localhost:12346.`;
  return { host: host || "localhost", port };
}

function readPage(text: string): Written | string {
  const url = URL.parse(text);
  if (url === null || !text.includes("://") || url.port === "0")
    return `"${sanitizeMessage(text)}" is no address of a page. For example: http://192.168.1.20:12346.`;
  if (url.username !== "" || url.password !== "") return "No name and no password belong in an address.";
  const isEncrypted = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const address = { host, port: Number(url.port || (isEncrypted ? 443 : 80)), isPage: true, isEncrypted };
  if (PAGE_PATHS.includes(url.pathname)) return address;
  return `No page of Banter is at ${sanitizeMessage(url.pathname)} of ${host}: it is at ${nameOf(address, isEncrypted)}, without more.`;
}

/** HOST:PORT, as one of them. */
export function hostAndPort({ host, port }: Address): string {
  return `${bracketed(host)}:${port}`;
}

/** What an address is called in a sentence, so that it can be typed. */
export function nameOf(address: Address, isEncrypted: boolean): string {
  const { host, port, isPage } = address;
  if (!isPage) return hostAndPort(address);
  const isUsual = port === (isEncrypted ? 443 : 80);
  return `http${isEncrypted ? "s" : ""}://${bracketed(host)}${isUsual ? "" : `:${port}`}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
