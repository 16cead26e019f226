// caller.ts: whose request it is, what a handler may do with them, and what it answers. Only what it is.

import type { Ok, Refusal, Request, RequestOf, Verb } from "../protocol.ts";
import type { Member } from "./delivery.ts";
import type { Asker } from "./network.ts";
import type { Services } from "./services.ts";

/** Whose request it is: the session, as far as handlers use it. */
export interface Caller extends Member, Asker {
  readonly services: Services;
  /** Where a typed line goes (text sessions). */
  readonly room: string;
  moveTo(room: string): void;
  /** `hash` is of the password it has signed in with: when the account has another one, the session ends. */
  signIn(user: string, hash: string): void;
  /** Answers at once where more is to follow the answer. */
  ok(fields: Omit<Ok, "type" | "id">, asked: Request): void;
}

/** What a handler answers: a refusal, the fields of an `ok`, or nothing when the answer comes another way. */
export type Answer = Refusal | Omit<Ok, "type" | "id"> | void;
export interface Rule<V extends Verb> {
  needs: "account" | "no account" | "nothing";
  run: (caller: Caller, request: RequestOf<V>) => Answer | Promise<Answer>;
}

/** Refuses what would be stored. If it was stored before, and its answer was lost, that is the answer: a refusal says that nothing of it
 *  was done. */
export function refuseToStore(
  caller: Caller,
  { to, id }: { to: string; id?: string | undefined },
  refusal: Refusal,
): Answer {
  const { services, says, user } = caller;
  says.gaveUp(id);
  if (id === undefined) return refusal;
  says.posted(services.pipeline.post({ to, from: user, id, text: "", refusal, by: caller }), to);
}

/** Goes on in another turn of the event loop, as long as somebody waits for the answer. */
export function whileHere(caller: Caller): () => Promise<boolean> {
  return () => caller.services.slices.next().then(() => !caller.gone);
}
