// hosting.ts: the verbs of hosts, and of whoever removes what they said themselves: one handler each. A refusal is a returned value.

import type { RequestOf } from "../protocol.ts";
import type { Answer, Caller } from "./requests.ts";

export function onClaim(_caller: Caller, _request: RequestOf<"claim">): Answer {
  return { code: "not_allowed" };
}

export function onSet(_caller: Caller, _request: RequestOf<"set">): Answer {
  return { code: "not_allowed" };
}

export function onRemove(_caller: Caller, _request: RequestOf<"remove">): Answer {
  return { code: "not_allowed" };
}
