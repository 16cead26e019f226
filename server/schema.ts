// schema.ts: the tables of chat.db, in the format of today and in the one of 1.0.0. Only what they are; nothing is read or written here.

import type { Database, SQLiteError } from "bun:sqlite";

/** What one batch brought to one conversation lies together as a run: the very lines that were sent, in a chunk of one or more runs. A
 *  batch adds a chunk or two at the end of the file, however many conversations it touches. Where its runs lie is noted in the chunk at
 *  first, and in the index `runs` some hundred batches later, when one write moves many. */
export const SCHEMA_VERSION = 2;
export const SCHEMA = `
  create table chunks (
    n integer primary key,
    places text not null,          -- of its runs, as JSON: [[conversation, first, last, start, size], ...]
    lines blob not null,           -- JSON, one message a line, as clients are sent it
    sum integer not null           -- CRC-32 of the lines
  ) strict;
  create table runs (              -- of the chunks up to the one in "indexed"
    conversation text not null,    -- "#lab", or "@bob": bob's inbox, which holds what he received and what he sent
    first integer not null,        -- seq of its first message; 1, 2, 3 ... within the conversation, without holes
    last integer not null,
    chunk integer not null,
    start integer not null,        -- in the chunk's lines, in bytes
    size integer not null,         -- bytes
    primary key (conversation, last)
  ) strict, without rowid;
  create table indexed (chunk integer not null) strict;
  insert into indexed values (0);
  create table ids (               -- of indexed runs: stored are the ids PREFIX-low to PREFIX-high, or PREFIX itself where both are 0
    conversation text not null,    -- that answers the sender
    sender text not null,
    prefix text not null,
    low integer not null,
    high integer not null,
    seq integer not null,          -- of the first of these messages
    primary key (conversation, sender, prefix, low)
  ) strict, without rowid;
  create table seen (              -- how far an account has read a room or its own inbox
    account text not null,
    conversation text not null,
    seq integer not null,
    primary key (account, conversation)
  ) strict, without rowid;
  create view messages as          -- for people with sqlite3
    select conversation, line ->> 'seq' as seq, line ->> 'from' as sender, line ->> 'to' as recipient,
      line ->> 'id' as id, line ->> 'at' as at, line ->> 'text' as text, line ->> 'cut' as cut
    from (
      select conversation, value as line
      from (
        select conversation, chunk, start, size from runs
        union all
        select value ->> 0, n, value ->> 3, value ->> 4
          from chunks, json_each(places) where n > (select chunk from indexed)
      ) as run
      join chunks on n = run.chunk,
      json_each('[' || rtrim(replace(cast(substr(lines, start + 1, size) as text), char(10), ','), ',') || ']')
    );
  pragma user_version = ${SCHEMA_VERSION};`;

/** A copy of the history becomes another one at its first start: what is said in it from then on has places that the first
 *  history gave to other messages. 1.0.0 opens a file with this table, and makes none. */
export const EPOCH = `create table if not exists epoch (
    id text not null,             -- which history this is; clients that remember another one have no place in it
    is_copy integer not null      -- 1: this file is a copy that was not used yet
  ) strict;`;

/** Who follows a room. A file that was made before has no such index. */
export const FOLLOWERS = "create index if not exists followers on seen (conversation, account)";

/** Of what hosts do. A file that was made before has no such tables. */
export const HOSTING = `
  create table if not exists settings (
    place text not null,          -- "#lab", "*" for the whole server, or "@bob" for what is about Bob
    key text not null,
    "of" text not null,           -- the account that is a member; '' for every other key
    value text not null,
    "by" text not null,           -- who has set it
    at integer not null,          -- ms since 1970
    primary key (place, key, "of")
  ) strict, without rowid;
  create table if not exists removed ( -- for a while: what removed messages of rooms said
    conversation text not null,
    seq integer not null,
    text text not null,
    at integer not null,          -- when it was removed
    primary key (conversation, seq)
  ) strict, without rowid;
  create table if not exists traces ( -- a row for each time that something was removed, until no traces of it are left in this file
    n integer primary key
  ) strict;`;

/** What can be said to the tables of a format, and to the indexes without which a place is given twice or a retry is stored twice. It
 *  is prepared and never run. */
export interface Format {
  tables: readonly string[];
  indexes: Readonly<Record<string, string>>;
}
/** In 1.0.0 a direct message is stored in two inboxes; only the copy that answers its sender is looked up again by id. */
const ANSWERING = "recipient is null or conversation = '@' || sender";

export const FORMATS: Readonly<Record<number, Format>> = {
  1: {
    tables: [
      "select conversation, seq, sender, id, recipient, at, text, cut from messages",
      "select account, seq from confirmed",
    ],
    indexes: {
      place: "insert into messages select * from messages where true on conflict (conversation, seq) do nothing",
      once: `insert into messages select * from messages where true
        on conflict (conversation, sender, id) where ${ANSWERING} do nothing`,
    },
  },
  2: {
    tables: [
      "select n, places, lines, sum from chunks",
      "select conversation, first, last, chunk, start, size from runs",
      "select chunk from indexed",
      "select conversation, sender, prefix, low, high, seq from ids",
      "select account, conversation, seq from seen",
    ],
    indexes: {
      runs: "insert into runs select * from runs where true on conflict (conversation, last) do nothing",
      ids: "insert into ids select * from ids where true on conflict (conversation, sender, prefix, low) do nothing",
      seen: "insert into seen select * from seen where true on conflict (account, conversation) do nothing",
    },
  },
};

/** Whether a statement fits the tables of a database; it is prepared and not run. */
export function canBeSaid(db: Database, sql: string): boolean {
  try {
    db.prepare(sql).finalize();
    return true;
  } catch (problem) {
    if ((problem as SQLiteError).code === "SQLITE_ERROR") return false;
    throw problem;
  }
}
