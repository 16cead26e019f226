import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { RemoveAct, SetAct } from "../../server/acts.ts";
import type { Draft, History, Judge, Outcome } from "../../server/history.ts";
import { messagesOf, openHistory } from "../../server/history.ts";
import type { Message } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import { PATIENCE, temporaryFolder } from "../kit/harness.ts";
import { readAll } from "../kit/model.ts";

setDefaultTimeout(PATIENCE);

const NOW = Date.UTC(2026, 10, 21);
let folder: ReturnType<typeof temporaryFolder>;
let history: History;
let serial = 0;
const file = () => join(folder.path, "chat.db");
const reopen = () => {
  history?.close();
  history = openHistory(file(), () => NOW);
};
beforeEach(() => {
  folder = temporaryFolder();
  reopen();
});
afterEach(() => {
  history.close();
  folder[Symbol.dispose]();
});

const said = (to: string, from: string, text: string, id = `id-${++serial}`): Draft => ({ to, from, text, id });
const removing = (to: string, from: string, act: Partial<RemoveAct>, id = `id-${++serial}`): Draft => {
  return { to, from, id, text: "", act: { act: "remove", of: from, last: 1, ...act } };
};
const setting = (to: string, key: SetAct["key"], value: string, more: Partial<SetAct> = {}, id?: string): Draft => {
  return { to, from: "ms.lee", id, text: `set ${key}`, host: true, act: { act: "set", key, value, ...more } };
};
const append = async (...drafts: Draft[]): Promise<Outcome[]> => history.append(drafts);
const storedIn = (outcome: Outcome | undefined): Message => {
  if (outcome === undefined || !("stored" in outcome)) throw new Error(`not stored: ${JSON.stringify(outcome)}`);
  return outcome.stored[0]!.message;
};
const texts = async (conversation: string) => (await readAll(history, conversation)).map(({ text }) => text);
const told = (outcome: Outcome | undefined) => ("refused" in outcome! ? outcome.refused.text : outcome);

describe("what an act removes", () => {
  test("a range, of one person: not what others said, no acts, and what was removed already does not count", async () => {
    await append(
      said("#lab", "bob", "1"),
      said("#lab", "eve", "2"),
      said("#lab", "bob", "3"),
      said("#lab", "bob", "4"),
    );
    const [first] = await append(removing("#lab", "ms.lee", { of: "bob", on: 2, through: 3 }));
    expect(storedIn(first)).toMatchObject({
      ...{ seq: 5, from: "ms.lee", text: "removed a message of bob", act: "remove", value: "1", of: "bob" },
      ...{ on: 3, through: 3 },
    });
    const [second] = await append(removing("#lab", "ms.lee", { of: "bob", on: 1, through: 9 }));
    expect(storedIn(second)).toMatchObject({ text: "removed 2 messages of bob", value: "2", on: 1, through: 4 });
    expect(await texts("#lab")).toEqual([
      "(removed)",
      "2",
      "(removed)",
      "(removed)",
      expect.anything(),
      expect.anything(),
    ]);
    const [third] = await append(removing("#lab", "ms.lee", { of: "bob", on: 1, through: 9 }));
    expect(told(third)).toBe("There is nothing of bob to remove here.");
    const [ofActs] = await append(removing("#lab", "ms.lee", { of: "ms.lee", last: 5 }));
    expect(told(ofActs)).toBe("There is nothing of ms.lee to remove here.");
    expect(await history.removed("#lab", 1, 3)).toEqual(
      new Map([
        [1, "1"],
        [3, "3"],
      ]),
    );
    expect(await history.head("#lab")).toBe(6);
  });

  test("an emptied message keeps its place, who said it, its id, its time and that a host said it, and nothing else", async () => {
    await append({ ...said("#lab", "ms.lee", "a long secret", "m-1"), cut: 7, host: true }, said("#lab", "bob", "x"));
    await append(removing("#lab", "ms.lee", { on: 1 }));
    const [emptied] = messagesOf(await history.read("#lab", 0, 1));
    expect(emptied).toEqual({
      ...{ type: "message", to: "#lab", seq: 1, from: "ms.lee", id: "m-1", at: NOW, text: "(removed)" },
      ...{ host: true, removed: "ms.lee" },
    });
    history.close();
    using db = new Database(file());
    expect(db.query("select seq, text, cut from messages where conversation = '#lab' limit 2").all()).toEqual([
      { seq: 1, text: "(removed)", cut: null },
      { seq: 2, text: "x", cut: null },
    ]);
  });

  test("the last ones, also of the same batch: and then nobody is told what they said, nor in answer to a retry", async () => {
    await append(said("#lab", "bob", "old", "b-1"));
    const outcomes = await append(
      said("#lab", "bob", "old", "b-1"),
      said("#lab", "bob", "secret", "b-2"),
      said("#lab", "eve", "kept"),
      said("#lab", "bob", "another secret", "b-3"),
      removing("#lab", "ms.lee", { of: "bob", last: 3 }),
      said("#lab", "bob", "later"),
    );
    expect(storedIn(outcomes[4])).toMatchObject({ value: "3", on: 1, through: 4 });
    const all = JSON.stringify(outcomes);
    expect([all.includes("secret"), all.includes("old"), all.includes("kept"), all.includes("later")]).toEqual([
      ...[false, false, true, true],
    ]);
    expect(outcomes[0]).toMatchObject({ repeated: { seq: 1, removed: "ms.lee" } });
    expect(outcomes[1]).toMatchObject({ stored: [{ message: { seq: 2, removed: "ms.lee" } }] });
    expect(await texts("#lab")).toEqual([
      "(removed)",
      "(removed)",
      "kept",
      "(removed)",
      "removed 3 messages of bob",
      "later",
    ]);
    reopen();
    expect(await history.removed("#lab", 1, 9)).toEqual(
      new Map(Object.entries({ 1: "old", 2: "secret", 4: "another secret" }).map(([seq, text]) => [Number(seq), text])),
    );
  });

  test("too many at once, too far, and too long ago are refused, each with a sentence", async () => {
    await append(...Array.from({ length: 1_200 }, (_, n) => said("#lab", n === 0 ? "eve" : "bob", `${n}`)));
    const refused = async (act: Partial<RemoveAct>) => told((await append(removing("#lab", "ms.lee", act)))[0]);
    const { removed } = LIMITS;
    expect(await refused({ of: "bob", on: 2, through: 102 })).toBe(
      `One act removes at most ${removed} messages, and these are 101. Name fewer. Nothing was removed.`,
    );
    expect(await refused({ of: "bob", last: 101 })).toStartWith(`One act removes at most ${removed} messages`);
    expect(await refused({ of: "bob", on: 1, through: 1_001 })).toBe(
      "That reaches over too many messages. Name a shorter range. Nothing was removed.",
    );
    expect(await refused({ of: "eve" })).toMatch(
      /^There is nothing of eve to remove among the last 1\d\d\d messages\.$/,
    );
    expect(await refused({ of: "nobody", on: 5_000 })).toBe("There is nothing of nobody to remove here.");
    expect(storedIn((await append(removing("#lab", "ms.lee", { of: "bob", last: 100 })))[0]).value).toBe("100");
    expect(await history.head("#lab")).toBe(1_201);
  });

  test("a direct message, in both inboxes, by who sent it, and only if both places are of the same one", async () => {
    await append(said("bob", "carol", "hi"), said("bob", "alice", "psst", "a-1"), said("alice", "bob", "what?"));
    const refused = async (draft: Draft) => expect(told((await append(draft))[0])).toMatch(/^There is nothing of/);
    await refused(removing("bob", "alice", { on: 1, theirs: 1 }));
    await refused(removing("bob", "alice", { on: 1, theirs: 3 }));
    await refused(removing("bob", "alice", { on: 1 }));
    await refused(removing("bob", "alice", { theirs: 2 }));
    await refused(removing("bob", "alice", { of: "bob", on: 2, theirs: 3 }));
    await refused(removing("carol", "alice", { on: 1, theirs: 1 }));
    await refused(removing("alice", "alice", { on: 1, theirs: 1 }));
    const theirs = await history.find("@bob", "alice", "a-1", { goOn: async () => true });
    expect(theirs).toBe(2);
    expect(await history.find("@bob", "alice", "a-2", { goOn: async () => true })).toBeUndefined();
    const [outcome] = await append(removing("bob", "alice", { on: 1, theirs }));
    expect(outcome).toMatchObject({
      stored: [
        { conversation: "@alice", message: { seq: 3, act: "remove", value: "1", of: "alice", on: 1, through: 1 } },
        { conversation: "@bob", message: { seq: 4, act: "remove", value: "1", of: "alice", on: 2, through: 2 } },
      ],
    });
    expect([await texts("@alice"), await texts("@bob")]).toEqual([
      ["(removed)", "what?", "removed a message"],
      ["hi", "(removed)", "what?", "removed a message"],
    ]);
    expect((await history.removed("@alice", 1, 9)).size + (await history.removed("@bob", 1, 9)).size).toBe(0);
    await refused(removing("bob", "alice", { on: 3, theirs: 4 })); // an act
    await append(said("alice", "alice", "milk"));
    storedIn((await append(removing("alice", "alice", { on: 4, theirs: 4 })))[0]);
    expect((await texts("@alice"))[3]).toBe("(removed)");
  });

  test("messages in runs that were merged and moved to the index are removed there", async () => {
    for (let n = 1; n <= 2_100; n++) await append(said(n % 3 === 0 ? "#den" : "#lab", "bob", `text ${n}`));
    for (const on of [1, 2, 500, 1_000, 1_399]) storedIn((await append(removing("#lab", "bob", { on })))[0]);
    reopen();
    const all = await readAll(history, "#lab");
    expect(all.filter(({ removed }) => removed !== undefined).map(({ seq }) => seq)).toEqual([1, 2, 500, 1_000, 1_399]);
    expect(all.filter(({ removed, act }) => removed === undefined && act === undefined)).toHaveLength(1_395);
    expect(await history.newest("#lab", 9, undefined, { match: "text 3001", goOn: async () => true })).toEqual([]);
  });
});

describe("acts", () => {
  test("a retry is known by what it does; a time may be another; what was removed meanwhile is told as it is", async () => {
    await append(said("#lab", "bob", "one", "b-1"), said("#lab", "bob", "two", "b-2"));
    const lock = setting("#lab", "lock", "1900000000000", {}, "l-1");
    const [locked] = await append(lock);
    const remove = removing("#lab", "bob", { on: 1, through: 9 }, "r-1");
    const [removed] = await append(remove);
    const reused = { refused: { code: "id_reused" } };
    expect(
      await append(
        setting("#lab", "lock", "1900000000777", {}, "l-1"),
        setting("#lab", "lock", "off", {}, "l-1"),
        setting("#lab", "slow", "1900000000000", {}, "l-1"),
        { ...lock, act: undefined },
        remove,
        removing("#lab", "bob", {}, "r-1"),
        removing("#lab", "bob", { on: 2 }, "r-1"),
        removing("#lab", "bob", { of: "eve" }, "r-1"),
        said("#lab", "bob", "whatever", "b-1"),
        removing("#lab", "bob", { on: 2 }, "b-1"),
      ),
    ).toMatchObject([
      { repeated: storedIn(locked) },
      ...[reused, reused, reused],
      { repeated: storedIn(removed) },
      { repeated: storedIn(removed) },
      ...[reused, reused],
      { repeated: { seq: 1, text: "(removed)", removed: "bob" } },
      reused,
    ] as Outcome[]);
  });

  test("what is set is kept: its last value, none if it is the usual one, and who may enter as the door is closed", async () => {
    const rows = async () =>
      (await history.settings()).map(({ place, key, of, value }) => [place, key, of, value].join(" "));
    await append(
      setting("#lab", "lock", "on"),
      setting("#lobby", "private", "hosts", { of: "*" }),
      setting("bob", "mute", "1900000000000"),
      setting("#lab", "door", "on", { members: ["bob", "eve"] }),
      setting("#lab", "member", "on", { of: "zoe" }),
      setting("#lab", "member", "off", { of: "eve" }),
      setting("#den", "slow", "30"),
      setting("#den", "slow", "0"),
    );
    reopen();
    expect(await rows()).toEqual([
      ...["#lab door  on", "#lab lock  on", "#lab member bob on", "#lab member zoe on"],
      ...["* private  hosts", "@bob mute  1900000000000"],
    ]);
    await append(setting("#lab", "door", "off"), setting("bob", "mute", "off"), setting("#lab", "lock", "off"));
    expect(await rows()).toEqual(["* private  hosts"]);
    expect((await history.settings())[0]!.by).toBe("ms.lee");
  });

  test("a judge is asked for each draft that is new, with those before it stored; a full inbox takes acts", async () => {
    await append(said("#lab", "bob", "old", "b-1"));
    const asked: string[] = [];
    let isLocked = false;
    const judge: Judge = {
      refuse: ({ text, host }) => {
        asked.push(text);
        return isLocked && !host ? { code: "quiet", after: 7 } : undefined;
      },
      refused: () => {},
      stored: (_, message) => void (isLocked ||= message.key === "lock"),
    };
    const drafts = [
      said("#lab", "bob", "old", "b-1"),
      said("#lab", "bob", "before"),
      setting("#lab", "lock", "on"),
      said("#lab", "bob", "after", "b-2"),
    ];
    expect(await history.append(drafts, [], judge)).toMatchObject([
      { repeated: { seq: 1 } },
      { stored: [{ message: { seq: 2 } }] },
      { stored: [{ message: { seq: 3, act: "set", key: "lock", value: "on", host: true } }] },
      { refused: { code: "quiet", after: 7 } },
    ]);
    expect(asked).toEqual(["before", "set lock", "after"]);
    storedIn((await append(said("#lab", "bob", "after", "b-2")))[0]);

    await append(...Array.from({ length: LIMITS.inbox }, (_, n) => said("bob", "alice", "x", `old-${n + 1}`)));
    const [full, act] = await append(said("bob", "carol", "x"), setting("bob", "mute", "on"));
    expect(full).toEqual({ refused: { code: "inbox_full" } });
    expect(act).toMatchObject({ stored: [{}, { conversation: "@bob", message: { seq: LIMITS.inbox + 1 } }] });
  });

  test("a batch with acts that fails leaves everything as it was, in old runs, recent ones and its own", async () => {
    for (let n = 1; n <= 1_100; n++) await append(said("#lab", "bob", `text ${n}`, `b-${n}`));
    const before = await readAll(history, "#lab");
    const wrong = { ...said("#lab", "bob", ""), text: 1n as unknown as string };
    const batch = [
      said("#lab", "bob", "new"),
      setting("#lab", "lock", "on"),
      removing("#lab", "bob", { on: 1 }),
      removing("#lab", "bob", { last: 50 }),
    ];
    expect(append(...batch, wrong)).rejects.toThrow();
    const check = async () => {
      expect(await readAll(history, "#lab")).toEqual(before);
      expect([await history.settings(), await history.removed("#lab", 1, 2_000), await history.erase()]).toEqual([
        [],
        new Map(),
        false,
      ]);
    };
    await check();
    reopen();
    await check();
    expect((await append(...batch)).map((outcome) => storedIn(outcome).seq)).toEqual([1_101, 1_102, 1_103, 1_104]);
    expect((await readAll(history, "#lab")).filter(({ removed }) => removed !== undefined)).toHaveLength(51);
  });

  test("a search finds neither acts nor what is left of removed messages; a page has both", async () => {
    await append(said("#lab", "bob", "removed by mistake"), said("#lab", "bob", "two"));
    await append(removing("#lab", "bob", { on: 2 }));
    const goOn = async () => true;
    const found = await history.newest("#lab", 9, undefined, { match: "removed", goOn });
    expect(found.map(({ text }) => text)).toEqual(["removed by mistake"]);
    expect((await history.newest("#lab", 9)).map(({ text }) => text)).toEqual([
      "removed by mistake",
      "(removed)",
      "removed a message",
    ]);
    await append(said("eve", "bob", "hi"), setting("bob", "mute", "on"));
    expect((await history.newest("@bob", 9, undefined, { with: "ms.lee", goOn })).map(({ act }) => act)).toEqual([
      "set",
    ]);
    expect(await history.partners("bob", 9, { goOn })).toEqual([
      { user: "ms.lee", seq: 2 },
      { user: "eve", seq: 1 },
    ]);
  });

  test("a copy has what is set and what was removed; a file without these tables is given them", async () => {
    await append(said("#lab", "bob", "one"), setting("#lab", "lock", "on"), removing("#lab", "bob", {}));
    const copy = join(folder.path, "copy.db");
    await history.copy(copy, new AbortController().signal);
    history.close();
    history = openHistory(copy, () => NOW);
    expect((await history.settings()).map(({ key }) => key)).toEqual(["lock"]);
    expect(await history.removed("#lab", 1, 1)).toEqual(new Map([[1, "one"]]));
    history.close();
    using db = new Database(file());
    for (const table of ["settings", "removed", "traces"]) db.run(`drop table ${table}`);
    db.close();
    reopen();
    expect([await history.settings(), await texts("#lab")]).toEqual([
      [],
      ["(removed)", "set lock", "removed a message"],
    ]);
  });
});
