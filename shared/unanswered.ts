// unanswered.ts: a client's requests that are not answered yet: sent in the order they were asked, a few at a time,
// again after every loss of the connection, and answered once. Knows no socket and nothing of what was answered.

import type { Failure, Message, Ok, Request } from "../protocol.ts";

const WINDOW = 32; // requests under way; more would only wait at the server

/** A message that is not stored yet. Its id makes it one message however often it is sent. */
export interface Waiting {
  id: string;
  to: string;
  text: string;
}
export type Asked = Request & { id: string };
export type Answer = Ok | Failure | Message;

interface Pending {
  request: Asked;
  sent: boolean;
  answered: (answer: Answer | undefined) => void;
}

export class Unanswered {
  readonly #send: (request: Asked) => void;
  readonly #pending = new Map<string, Pending>(); // by id, in the order they were asked
  #online = false;
  #resend: ReturnType<typeof setTimeout> | undefined;

  /** `send` writes to the connection there is; it is called between `start` and `stop` only. */
  constructor(send: (request: Asked) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#pending.size;
  }
  has(id: string): boolean {
    return this.#pending.has(id);
  }
  /** Messages that are not stored yet, in order. */
  get waiting(): Waiting[] {
    return Array.from(this.#pending.values(), ({ request }) => request).flatMap((request) =>
      request.type === "say" ? [{ id: request.id, to: request.to, text: request.text }] : [],
    );
  }

  /** Takes a request whose id no other has; sends it now or when it can be. `answered` is called once, without an
   *  answer when the request is given up. */
  add(request: Asked, answered: (answer: Answer | undefined) => void): void {
    this.#pending.set(request.id, { request, sent: false, answered });
    this.#flush();
  }

  /** The connection is there and signed in. */
  start(): void {
    this.#online = true;
    this.#flush();
  }
  /** The connection is gone, and with it the answers to what was sent. */
  stop(): void {
    this.#online = false;
    clearTimeout(this.#resend);
    this.#resend = undefined;
    for (const pending of this.#pending.values()) pending.sent = false;
  }
  /** Answers nothing any more. */
  giveUp(): void {
    this.stop();
    for (const { answered } of this.#pending.values()) answered(undefined);
    this.#pending.clear();
  }

  /** The server has answered. What it cannot store now is sent again when it says; it refuses everything after that
   *  until then, so the order holds. */
  settle(id: string, answer: Answer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (answer.type === "error" && answer.code === "unavailable") {
      pending.sent = false;
      this.#resend ??= setTimeout(
        () => {
          this.#resend = undefined;
          this.#flush();
        },
        (answer.after ?? 1) * 1000,
      );
      return;
    }
    this.#pending.delete(id);
    pending.answered(answer);
    this.#flush();
  }

  /** Sends what is unsent, in order, as far as the window allows. */
  #flush(): void {
    if (!this.#online || this.#resend !== undefined) return;
    let under = 0;
    for (const pending of this.#pending.values()) {
      if (++under > WINDOW) break;
      if (pending.sent) continue;
      pending.sent = true;
      this.#send(pending.request);
    }
  }
}
