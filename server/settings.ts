// settings.ts: what hosts have set: the table `settings` of chat.db. Begins no transaction. Part of history.ts.

import type { Database } from "bun:sqlite";
import type { Message } from "../protocol.ts";
import { changesOf, isKey, placeOf, usualValue } from "../shared/settings.ts";

/** The last value of a key in a place. */
export interface StoredSetting {
  place: string; // "#lab", "*", or "@bob" for what is about Bob
  key: string;
  of: string; // the account that is a member; "" for every other key
  value: string;
  by: string;
}

export class StoredSettings {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(db: Database) {
    this.#statements = prepareStatements(db);
  }

  all(): StoredSetting[] {
    return this.#statements.all.all();
  }

  /** Takes in an act that was given its place; `members` are in the room whose door it closes. */
  apply({ to, of, key, value, from, at }: Message, members: readonly string[] = []): void {
    if (!isKey(key) || value === undefined) return;
    const place = placeOf({ to, of });
    const whom = key === "member" ? (of ?? "") : "";
    for (const change of changesOf(key, value))
      if (change.value === usualValue(change.key)) this.#statements.remove.run(place, change.key, whom);
      else this.#statements.put.run(place, change.key, whom, change.value, from, at);
    if (key !== "door") return;
    this.#statements.removeMembers.run(place);
    if (value === "on") for (const member of members) this.#statements.put.run(place, "member", member, "on", from, at);
  }
}

function prepareStatements(db: Database) {
  return {
    all: db.query<StoredSetting, []>('select place, key, "of", value, "by" from settings order by place, key, "of"'),
    put: db.query<unknown, [string, string, string, string, string, number]>(
      "insert or replace into settings values (?, ?, ?, ?, ?, ?)",
    ),
    remove: db.query<unknown, [string, string, string]>(
      'delete from settings where place = ? and key = ? and "of" = ?',
    ),
    removeMembers: db.query<unknown, [string]>("delete from settings where place = ? and key = 'member'"),
  };
}
