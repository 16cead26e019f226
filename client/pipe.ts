// pipe.ts: the client as a citizen of pipes: lines from the standard input as messages (`--send`), or frames both ways
// (`--json`). Results go to the standard output and nothing else does; remarks go to the error output.

import type { Failure, Ok } from "../protocol.ts";
import { encode, failure, isRefusal, MAX_MESSAGE_LENGTH } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import { receiveMessages } from "../shared/connection.ts";
import { decode } from "../shared/decode.ts";
import type { ClientEvent } from "../shared/feed.ts";
import { Refused } from "../shared/link.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { truncateMessage } from "../shared/text.ts";

/** Where lines come from and frames go. */
export interface Pipe {
  lines: AsyncIterable<string>;
  write(text: string): Promise<void>; // resolves when more may be written
  remark(text: string): void;
}

const MAX_ASKED = 64; // requests under way; the input waits meanwhile
const GIVE_UP = 30_000; // ms without a connection after which a script is told that the server cannot be reached

/** Sends every line to a room or a person. Resolves with whether each one was stored; rejects with `Refused` when the
 *  connection stays away. */
export async function sendLines(connection: Connection, to: string, pipe: Pipe): Promise<boolean> {
  if (isRoom(to)) await connection.ask({ type: "join", to });
  let stored = true;
  let hint: Promise<string> | undefined;
  const asked = new Set<Promise<void>>();
  const sending = (async () => {
    let number = 0;
    for await (const line of pipe.lines) {
      number++;
      if (line.trim() === "") continue;
      const where = `line ${number}`;
      if (truncateMessage(line).cut > 0) {
        stored = false;
        pipe.remark(`${where} was not sent: it has more than ${MAX_MESSAGE_LENGTH} characters.`);
        continue;
      }
      const said: Promise<void> = connection
        .say(to, line)
        .catch(async (problem: Refused) => {
          stored = false;
          if (problem.code === "unknown_user") hint ??= hintOf(connection, to);
          pipe.remark(`${where} was not sent: ${problem.message}${(await hint) ?? ""}`);
        })
        .then(() => void asked.delete(said));
      asked.add(said);
      while (asked.size >= MAX_ASKED) await Promise.race(asked);
    }
    await Promise.all(asked);
  })();
  await Promise.race([sending, watch(connection, pipe)]);
  await sending;
  return stored;
}

/** What whoever names a person that there is not may have meant: the room of that name, if there is one. */
async function hintOf(connection: Connection, name: string): Promise<string> {
  const answer = await connection.ask({ type: "rooms" }).catch(() => undefined);
  const rooms = answer?.type === "ok" ? (answer.rooms ?? []).map(({ to }) => to) : [];
  const room = [LOBBY, ...rooms].find((to) => to === `#${name}`); // the lobby is there when nobody is in it, too
  return room === undefined ? "" : ` Did you mean '${room}'?`;
}

/** Requests come in and answers and events go out, one frame a line, until the input ends and all is answered. */
export async function exchangeFrames(connection: Connection, pipe: Pipe): Promise<void> {
  const answers = new Answers((frame) => pipe.write(encode(frame)));
  const hearing = (async () => {
    for await (const event of receiveMessages(connection)) await pass(event, answers, pipe);
  })();
  const reading = (async () => {
    for await (const line of pipe.lines) {
      if (line === "") continue;
      const request = decode(line);
      if (isRefusal(request)) await answers.settle(answers.expect(), failure(request));
      else if (request.type === "exit") break;
      else {
        answers.expect(request);
        connection.send(request);
      }
      await answers.below(MAX_ASKED);
    }
    await answers.below(1);
    await connection.close();
  })();
  await Promise.race([reading, hearing]);
  await hearing;
}

/** Writes an event, if it is a frame of the server; what becomes of the connection is no frame. */
async function pass(event: ClientEvent, answers: Answers, pipe: Pipe): Promise<void> {
  switch (event.type) {
    case "message":
    case "joined":
    case "left":
    case "hosts":
    case "notice":
    case "error":
      return pipe.write(encode(event));
    case "answered": {
      const { request, answer } = event;
      // A message was written already, as the event that it is.
      if (answer.type === "message") return answers.settle(request, undefined);
      const { id, ...rest } = answer;
      return answers.settle(request, request.id === undefined ? rest : answer);
    }
    case "offline":
      return pipe.remark(`${event.reason} Trying again.`);
    case "online":
    case "caught up":
    case "entered":
    case "inbox":
    case "seen":
    case "gone":
    case "reset":
      return;
  }
}

/** Requests that are under way, in their order; their answers are written in that order, whichever comes first. */
class Answers {
  readonly #write: (frame: Ok | Failure) => Promise<void>;
  readonly #expected: { request: object; isSettled: boolean; frame: Ok | Failure | undefined }[] = [];
  #wake: (() => void) | undefined;

  constructor(write: (frame: Ok | Failure) => Promise<void>) {
    this.#write = write;
  }

  /** An answer will come, to this request or to a line that is none. */
  expect(request: object = {}): object {
    this.#expected.push({ request, isSettled: false, frame: undefined });
    return request;
  }

  /** The answer is there; without a frame there is nothing to write. */
  async settle(request: object, frame: Ok | Failure | undefined): Promise<void> {
    const expected = this.#expected.find((one) => one.request === request);
    if (expected === undefined) return;
    expected.isSettled = true;
    expected.frame = frame;
    while (this.#expected[0]?.isSettled) {
      const next = this.#expected.shift()!;
      if (next.frame !== undefined) await this.#write(next.frame);
    }
    this.#wake?.();
  }

  /** Resolves when fewer requests than this are under way. */
  async below(count: number): Promise<void> {
    while (this.#expected.length >= count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }
}

/** Reads what happens and drops it. Rejects when the connection is away for too long, or to an untrusted server. */
async function watch(connection: Connection, pipe: Pipe): Promise<void> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  let timer: Timer | undefined;
  const hearing = (async () => {
    for await (const event of receiveMessages(connection))
      if (event.type === "offline") {
        const isElsewhere = event.retry === 0; // another server of the list is tried at once
        if ((event.code === "untrusted" && !isElsewhere) || event.code === "no_entry")
          reject(new Refused({ code: event.code, text: event.reason }));
        if (timer === undefined || (event.code === "untrusted" && isElsewhere))
          pipe.remark(`${event.reason} Trying again.`);
        timer ??= setTimeout(() => reject(new Refused({ code: "unreachable", text: event.reason })), GIVE_UP);
      } else if (event.type === "online") {
        clearTimeout(timer);
        timer = undefined;
      }
  })();
  await Promise.race([hearing, gone]);
}
