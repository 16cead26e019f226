// positions.ts: how far each account has read its inbox and the rooms it follows: the table `seen` of chat.db. Begins no transaction.

import type { Database } from "bun:sqlite";

const LOOKED_AT = 10_000; // followers of a room, in some 10 ms in which nobody else gets an answer

/** How far an account has read a conversation; without a `seq` it does not follow that room any more. */
export interface Position {
  account: string;
  conversation: string;
  seq: number | undefined;
}

export class Positions {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(db: Database) {
    this.#statements = prepareStatements(db);
  }

  /** Up to which seq an account has read a conversation, 0 if it has not. */
  of(account: string, conversation: string): number {
    return this.#statements.one.get(account, conversation)?.seq ?? 0;
  }
  /** All that an account has read, by conversation. */
  all(account: string): Map<string, number> {
    return new Map(this.#statements.all.all(account).map(({ conversation, seq }) => [conversation, seq]));
  }

  /** The accounts that follow a room and are wanted, sorted, at most `max`, of the first ten thousand. */
  followers(room: string, max: number, isWanted: (account: string) => boolean): string[] {
    const found: string[] = [];
    for (const { account } of this.#statements.followers.iterate(room)) {
      if (isWanted(account)) found.push(account);
      if (found.length === max) break;
    }
    return found;
  }

  /** Stores positions, of which none goes backwards. */
  write(positions: Iterable<Position>): void {
    for (const { account, conversation, seq } of positions)
      if (seq === undefined) this.#statements.forget.run(account, conversation);
      else this.#statements.put.run(account, conversation, seq);
  }
}

function prepareStatements(db: Database) {
  return {
    one: db.query<{ seq: number }, [string, string]>("select seq from seen where account = ? and conversation = ?"),
    all: db.query<{ conversation: string; seq: number }, [string]>(
      "select conversation, seq from seen where account = ?",
    ),
    followers: db.query<{ account: string }, [string]>(
      `select account from seen where conversation = ? order by account limit ${LOOKED_AT}`,
    ),
    put: db.query<unknown, [string, string, number]>(
      "insert into seen values (?, ?, ?) on conflict (account, conversation) do update set seq = max(seq, excluded.seq)",
    ),
    forget: db.query<unknown, [string, string]>("delete from seen where account = ? and conversation = ?"),
  };
}
