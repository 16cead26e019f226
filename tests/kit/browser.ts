// browser.ts: a WebSocket as the page opens it, for tests that need no page.

import type { Event, Request as Asked } from "../../protocol.ts";
import { PASSWORD } from "./harness.ts";

/** A WebSocket as a browser opens it, that lets a test ask for what came in order. */
export class Browser {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  readonly unread: string[] = [];
  /** Everything that came. */
  text = "";
  #gone = false;
  #wake: (() => void) | undefined;
  readonly #prefix = crypto.randomUUID().slice(0, 8); // an id is unique for its account for ever
  #serial = 0;

  constructor(chat: { webPort: number }, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`ws://localhost:${chat.webPort}/ws`, { headers } as unknown as string[]);
    this.socket.onmessage = ({ data }) => {
      this.text += data;
      this.unread.push(...String(data).split("\n").filter(Boolean));
      this.#wake?.();
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code }) => {
        this.#gone = true;
        this.#wake?.();
        resolve(code);
      };
    });
  }
  static async open(chat: { webPort: number }, headers: Record<string, string> = {}): Promise<Browser> {
    const browser = new Browser(chat, headers);
    await new Promise<void>((resolve, reject) => {
      browser.socket.onopen = () => resolve();
      void browser.closed.then(() => reject(new Error("refused")));
    });
    return browser;
  }
  /** One that is signed in, and in `room` if one is given. */
  static async signedIn(chat: { webPort: number }, user: string, room?: string): Promise<Browser> {
    const browser = await Browser.open(chat);
    await browser.ask({ type: "login", user, password: PASSWORD });
    if (room !== undefined) await browser.ask({ type: "join", to: room });
    return browser;
  }
  send(frame: Asked | Record<string, unknown>): void {
    this.socket.send(JSON.stringify(frame));
  }
  async next(wanted: (frame: any) => boolean = () => true): Promise<any> {
    for (;;) {
      while (this.unread.length > 0) {
        const frame: Event = JSON.parse(this.unread.shift()!);
        if (wanted(frame)) return frame;
      }
      if (this.#gone) throw new Error("the WebSocket closed");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
  ask(request: Asked | Record<string, unknown>): Promise<any> {
    const id = `${this.#prefix}-${++this.#serial}`;
    this.send({ ...request, id });
    return this.next((frame) => frame.id === id);
  }
}

/** The request for a WebSocket, as bytes. */
export function upgrade(host: string, origin?: string): string {
  const from = origin === undefined ? "" : `Origin: ${origin}\r\n`;
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  return `GET /ws HTTP/1.1\r\nHost: ${host}\r\n${from}Upgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\n`;
}
