// pipe.ts: the client as a citizen of pipes: lines from the standard input as messages (`--send`), or frames both ways
// (`--json`). Results go to the standard output and nothing else does; remarks go to the error output.
// Called by client.ts with a signed-in connection.

import type { Connection } from "./connection.ts";
import { encode, failure, isRefusal, MAX_MESSAGE_LENGTH } from "../protocol.ts";
import type { Failure, Ok, Request } from "../protocol.ts";
import { Refused } from "./tcp.ts";
import { decode } from "../shared/decode.ts";
import { truncateMessage } from "../shared/text.ts";
import { isRoom } from "../shared/names.ts";

/** Where lines come from and frames go. */
export interface Pipe {
  lines: AsyncIterable<string>;
  write(text: string): Promise<void>; // resolves when more may be written
  remark(text: string): void;
}

type Frame = Ok | Failure;

const MOST_ASKED = 64; // requests under way; the input waits meanwhile
const GIVE_UP = 30_000; // ms without a connection after which a script is told that the server cannot be reached

/** Sends every line to a room or a person. Resolves with whether each one was stored; rejects with `Refused` when the
 *  connection stays away. */
export async function sendLines(connection: Connection, to: string, pipe: Pipe): Promise<boolean> {
  if (isRoom(to)) await connection.ask({ type: "join", to });
  let stored = true;
  const { asked, add } = gather();
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
      await add(
        connection.say(to, line).catch((problem: Error) => {
          stored = false;
          pipe.remark(`${where} was not sent: ${problem.message}`);
        }),
      );
    }
    await Promise.all(asked);
  })();
  await Promise.race([sending, watch(connection, pipe)]);
  await sending;
  return stored;
}

/** Requests come in and answers and events go out, one frame a line, until the input ends and all is answered. */
export async function exchangeFrames(connection: Connection, pipe: Pipe): Promise<void> {
  const { asked, add } = gather();
  let turn = Promise.resolve(); // answers come in the order of their requests
  const answer = (coming: Promise<Frame | undefined>): Promise<void> =>
    (turn = turn.then(async () => {
      const frame = await coming;
      if (frame !== undefined) await pipe.write(encode(frame));
    }));
  const hearing = (async () => {
    for (let next; (next = await connection.next()) !== undefined;) {
      await new Promise(setImmediate); // an answer that came before this goes first
      if (next.type === "offline") pipe.remark(`${next.reason} Trying again.`);
      else if (next.type !== "online" && next.type !== "reset") await pipe.write(encode(next));
    }
  })();
  const reading = (async () => {
    for await (const line of pipe.lines) {
      if (line === "") continue;
      const request = decode(line);
      if (isRefusal(request)) await add(answer(Promise.resolve(failure(request))));
      else if (request.type === "exit") break;
      else await add(answer(ask(connection, request)));
    }
    await Promise.all(asked);
    await connection.close();
  })();
  await Promise.race([reading, hearing]);
  await hearing;
}

/** The frame that answers a request; none for a message, which comes as the event that it is. */
async function ask(connection: Connection, request: Request): Promise<Frame | undefined> {
  try {
    const answer = await connection.ask(request);
    await connection.passed(answer);
    if (answer.type === "message") return undefined;
    const { id, ...rest } = answer;
    return request.id === undefined ? rest : answer;
  } catch (problem) {
    const { code, message, after } = problem as Refused;
    await connection.passed(problem as Refused);
    if (code === "closed") return undefined;
    return failure({ code: code as Failure["code"], text: message, ...(after !== undefined && { after }) }, request.id);
  }
}

/** Promises under way; `add` waits while they are many. */
function gather() {
  const asked = new Set<Promise<void>>();
  const add = async (one: Promise<unknown>): Promise<void> => {
    const kept: Promise<void> = one.then(() => void asked.delete(kept));
    asked.add(kept);
    while (asked.size >= MOST_ASKED) await Promise.race(asked);
  };
  return { asked, add };
}

/** Reads what happens and drops it; rejects when the connection is away for too long, or to a server not to be trusted. */
async function watch(connection: Connection, pipe: Pipe): Promise<void> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  let timer: Timer | undefined;
  const hearing = (async () => {
    for (let next; (next = await connection.next()) !== undefined;)
      if (next.type === "offline") {
        if (next.code === "untrusted") reject(new Refused({ code: next.code, text: next.reason }));
        if (timer === undefined) pipe.remark(`${next.reason} Trying again.`);
        timer ??= setTimeout(() => reject(new Refused({ code: "unreachable", text: next.reason })), GIVE_UP);
      } else if (next.type === "online") {
        clearTimeout(timer);
        timer = undefined;
      }
  })();
  await Promise.race([hearing, gone]);
}
