// hosts.ts: how accounts become hosts while the server runs: by the code for the first one, or by `bun users.ts`; everybody is
// told of it. Who is a host is in the accounts. Decides nothing about what hosts may do, and no log and no file has the code.

import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import type { Event, Refusal } from "../protocol.ts";
import { listNames } from "../shared/names.ts";
import type { Log } from "./log.ts";
import type { Origin } from "./network.ts";
import type { Users } from "./signin.ts";
import { countFailure, refreshUsers, secondsToWait } from "./signin.ts";

const CODES = 100_000_000; // eight digits: ten tries a minute take years
const OPERATOR = "bun users.ts role NAME host.";

/** Somebody signed in who says the code. */
interface Claimer extends Origin {
  readonly user: string;
}

export class Hosts {
  readonly #users: Users;
  readonly #log: Log;
  readonly #tellAll: (event: Event) => void;
  #code: string | undefined; // until there was a host
  #claimer: Claimer | undefined; // whose code was right and is being written down
  #claiming: Promise<boolean> | undefined;
  #told: readonly string[]; // who the hosts are, as everybody was told

  constructor({ users, log, tellAll }: { users: Users; log: Log; tellAll: (event: Event) => void }) {
    this.#users = users;
    this.#log = log;
    this.#tellAll = tellAll;
    this.#told = users.accounts.hosts();
    if (this.#told.length === 0) this.#code = randomCode();
  }

  /** Makes its sayer the first host; `undefined` while there is nothing to claim. */
  get code(): string | undefined {
    return this.#code;
  }

  /** Tells everybody who the hosts are if that has changed; the code is void once there is one. */
  refresh(): void {
    const { accounts } = this.#users;
    const hosts = accounts.hosts();
    const before = this.#told;
    const came = hosts.filter((name) => !before.includes(name));
    const went = before.filter((name) => !accounts.isHost(name));
    if (came.length + went.length === 0) return;
    this.#told = hosts;
    if (hosts.length > 0) this.#code = undefined;
    for (const name of came) this.#log.warning(`${name} is now a host (${this.#reason(name)})`);
    for (const name of went) this.#log.warning(`${name} is no host any more (users.json)`);
    this.#tellAll({ type: "hosts", users: hosts });
  }

  #reason(name: string): string {
    return name === this.#claimer?.user ? `code, from ${this.#claimer.address}` : "users.json";
  }

  /** Makes the claimer the first host. Of those who claim at the same time one wins, and the others are told so. Refuses with
   *  `not_allowed`, `throttled`, or `unavailable` when it cannot be written; then the code is as good as before. */
  async claim(claimer: Claimer, code: string): Promise<Refusal | undefined> {
    while (this.#claiming !== undefined) await this.#claiming;
    refreshUsers(this.#users);
    this.refresh();
    const refused = this.#whyNot(claimer, code);
    if (refused !== undefined) return refused;
    this.#claimer = claimer;
    this.#claiming = this.#write(claimer);
    const isHost = await this.#claiming;
    if (isHost) return undefined;
    return { code: "unavailable", text: "The server cannot store that right now. Try again in a moment." };
  }

  #whyNot(claimer: Claimer, code: string): Refusal | undefined {
    const hosts = this.#users.accounts.hosts();
    const not = (text: string): Refusal => ({ code: "not_allowed", text });
    if (hosts.length > 0)
      return not(`There is a host already: ${listNames(hosts)}. The operator makes further ones: ${OPERATOR}`);
    if (this.#code === undefined)
      return not(`That code was for the first host only. The operator makes hosts: ${OPERATOR}`);
    const after = secondsToWait(this.#users, claimer, claimer.user);
    if (after > 0) return { code: "throttled", after };
    if (isSame(code, this.#code)) return undefined;
    countFailure(this.#users, claimer, claimer.user);
    this.#log.warning(`${claimer.user} tried a wrong host code from ${claimer.address}`); // ten a minute fill no log
    return not("That is not the host code. It is in the window in which the server was started. Nothing was done.");
  }

  /** Whether it is on disk. */
  async #write({ user }: Claimer): Promise<boolean> {
    try {
      return await this.#users.accounts.setRole(user, "host");
    } catch (problem) {
      this.#log.warning(`Cannot store that ${user} is a host: ${(problem as Error).message}`);
      return false;
    } finally {
      this.refresh();
      this.#claimer = undefined;
      this.#claiming = undefined;
    }
  }
}

function randomCode(): string {
  const digits = String(randomInt(CODES)).padStart(8, "0");
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}

/** Whether a code was typed, with or without its dash; takes as long for any. */
function isSame(typed: string, code: string): boolean {
  const digest = (text: string) =>
    createHash("sha256")
      .update(text.replace(/[\s\p{Pd}]/gu, ""))
      .digest();
  return timingSafeEqual(digest(typed), digest(code));
}
