// hosting.ts: the verbs of hosts, and of whoever removes what they said themselves: one handler each. A refusal is a returned value.

import type { RequestOf } from "../protocol.ts";
import type { Answer, Caller } from "./requests.ts";

export async function onClaim(caller: Caller, { code }: RequestOf<"claim">): Promise<Answer> {
  const { hosts, users } = caller.services;
  return (await hosts.claim(caller, code)) ?? { hosts: users.accounts.hosts() };
}

export function onSet(_caller: Caller, _request: RequestOf<"set">): Answer {
  return { code: "not_allowed" };
}

export function onRemove(_caller: Caller, _request: RequestOf<"remove">): Answer {
  return { code: "not_allowed" };
}
