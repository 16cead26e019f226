import { expect, setDefaultTimeout, test } from "bun:test";
import type { Rule, Run, Step, Stored } from "./checker.ts";
import { check } from "./checker.ts";
import { PATIENCE } from "./harness.ts";

setDefaultTimeout(PATIENCE);

/** Alice and Bob in #lab, Carol in #den, and direct messages; one of Alice's connections retries, one say is refused,
 *  and of two that Bob said before he was cut off one was stored. Every promise is kept. */
function goodRun(): Run {
  const steps: Step[] = [];
  const log: Run["log"] = {};
  let call = 0;
  const watch = (viewer: string, user: string, conversation: string, after?: number) =>
    steps.push({ step: "watch", viewer, user, conversation, ...(after !== undefined && { after }) });
  const say = (by: string, to: string, text: string): number => {
    steps.push({ step: "say", call: ++call, by, from: by.split(".")[0]!, to, text });
    return call;
  };
  const keep = (conversation: string, from: string, to: string, text: string): Stored => {
    const entries = (log[conversation] ??= []);
    const message = { to, seq: entries.length + 1, from, id: `id-${text}`, text };
    entries.push(message);
    return message;
  };
  const show = (viewer: string, message: Stored, answer?: true) =>
    steps.push({ step: "shown", viewer, user: viewer.split(".")[0]!, message, ...(answer && { answer }) });

  for (const user of ["alice", "bob", "carol"]) watch(`${user}.1`, user, `@${user}`, 0);
  for (const viewer of ["alice.1", "alice.1/wire", "bob.1"]) watch(viewer, viewer.split(".")[0]!, "#lab", 0);
  watch("carol.1", "carol", "#den", 0);
  for (const text of ["one", "two", "three"]) {
    const by = text === "two" ? "bob.1" : "alice.1";
    const number = say(by, "#lab", text);
    const message = keep("#lab", by.split(".")[0]!, "#lab", text);
    for (const viewer of ["alice.1", "alice.1/wire", "bob.1"]) show(viewer, message);
    steps.push({ step: "stored", call: number, message });
  }
  show("alice.1/wire", log["#lab"]![0]!, true); // the answer to a retry
  const alone = say("carol.1", "#den", "alone");
  show("carol.1", keep("#den", "carol", "#den", "alone"));
  steps.push({ step: "stored", call: alone, message: log["#den"]![0]! });
  for (const text of ["psst", "psst again"]) {
    const secret = say("alice.1", "bob", text);
    const sent = keep("@alice", "alice", "bob", text);
    show("bob.1", keep("@bob", "alice", "bob", text));
    show("alice.1", sent);
    steps.push({ step: "stored", call: secret, message: sent });
  }
  steps.push({ step: "refused", call: say("carol.1", "#lab", "let me in"), code: "not_in_room" });
  say("bob.1", "#lab", "stored before the cut");
  say("bob.1", "#lab", "lost in the cut");
  show("alice.1", keep("#lab", "bob", "#lab", "stored before the cut"));
  watch("bob.2", "bob", "#lab", 3);
  watch("bob.2", "bob", "@bob"); // goes on after what bob has confirmed: his first direct message
  show("bob.2", log["#lab"]![3]!);
  show("bob.2", log["@bob"]![1]!);
  return { steps, log, present: ["alice.1", "bob.2", "carol.1"] };
}

const find = <S extends Step["step"]>({ steps }: Run, step: S, text?: string, viewer?: string): Step & { step: S } =>
  steps.find(
    (one): one is Step & { step: S } =>
      one.step === step &&
      (text === undefined || ("message" in one ? one.message.text : "text" in one && one.text) === text) &&
      (viewer === undefined || ("viewer" in one && one.viewer === viewer)),
  )!;
const remove = (run: Run, ...unwanted: Step[]) =>
  void (run.steps = run.steps.filter((step) => !unwanted.includes(step)));
const renumber = (entries: Stored[]) => entries.map((entry, index) => ({ ...entry, seq: index + 1 }));
const other = (message: Stored, change: Partial<Stored>): Stored => ({ ...message, ...change });

test("a run that keeps every promise passes", () => {
  expect(check(goodRun())).toEqual([]);
});

const faults: [fault: string, rule: Rule, spoil: (run: Run) => void][] = [
  ["an acknowledged message is not in the log", "lost", (run) => void run.log["#lab"]!.splice(2)],
  [
    "an acknowledged message has another place in the log",
    "lost",
    (run) => void (find(run, "stored", "two").message = other(run.log["#lab"]![1]!, { seq: 3 })),
  ],
  ["a direct message is in its sender's inbox only", "lost", (run) => void run.log["@bob"]!.pop()],
  ["a direct message is in its recipient's inbox only", "lost", (run) => void run.log["@alice"]!.pop()],
  [
    "a message is in the log twice",
    "doubled",
    ({ log }) => void log["#lab"]!.push(other(log["#lab"]![0]!, { seq: 5, id: "another" })),
  ],
  [
    "a message that nobody said is in the log",
    "phantom",
    ({ log }) => void log["#den"]!.push({ to: "#den", seq: 2, from: "carol", id: "x", text: "invented" }),
  ],
  [
    "a text is not what was said",
    "phantom",
    ({ log }) => void (log["#den"]![0] = other(log["#den"]![0]!, { text: "al\ufffdne" })),
  ],
  [
    "a message is somebody else's in the log",
    "phantom",
    ({ log }) => void (log["#den"]![0] = other(log["#den"]![0]!, { from: "alice" })),
  ],
  [
    "a message that was shown is gone",
    "phantom",
    (run) => {
      remove(run, find(run, "stored", "three"));
      run.log["#lab"] = run.log["#lab"]!.slice(0, 2);
    },
  ],
  [
    "a refused message is in the log",
    "refused",
    ({ log }) => void log["#lab"]!.push({ to: "#lab", seq: 5, from: "carol", id: "x", text: "let me in" }),
  ],
  [
    "two members saw two messages in another order",
    "diverged",
    (run) => {
      const [first, second] = [find(run, "shown", "one", "bob.1"), find(run, "shown", "two", "bob.1")];
      [first.message, second.message] = [other(second.message, { seq: 1 }), other(first.message, { seq: 2 })];
    },
  ],
  [
    "one member saw another text",
    "diverged",
    (run) => {
      const shown = find(run, "shown", "two", "bob.1");
      shown.message = other(shown.message, { text: "tow" });
    },
  ],
  ["a viewer missed one", "out of sequence", (run) => remove(run, find(run, "shown", "two", "bob.1"))],
  ["a viewer missed the first", "out of sequence", (run) => remove(run, find(run, "shown", "one", "bob.1"))],
  [
    "a viewer saw one twice",
    "out of sequence",
    (run) => void run.steps.push({ ...find(run, "shown", "three", "bob.1"), viewer: "bob.2" }),
  ],
  [
    "a process handed on the answer to a retry again",
    "out of sequence",
    (run) => void run.steps.push(find(run, "shown", "one", "alice.1")),
  ],
  [
    "an account's next client missed what waited in the inbox",
    "out of sequence",
    (run) => remove(run, find(run, "shown", "psst", "bob.1"), find(run, "shown", "psst again", "bob.1")),
  ],
  ["the log has a hole", "hole", ({ log }) => void log["#lab"]!.splice(1, 1)],
  ["the log begins late", "hole", ({ log }) => void log["#lab"]!.shift()],
  [
    "one process's messages changed places",
    "reordered",
    ({ log }) => {
      const [one, two, three, cut] = log["#lab"]!;
      log["#lab"] = renumber([three!, two!, one!, cut!]);
    },
  ],
  [
    "a later message came before one that had been answered",
    "overtaken",
    ({ log }) => {
      const [one, two, three, cut] = log["#lab"]!;
      log["#lab"] = renumber([two!, one!, three!, cut!]);
    },
  ],
  [
    "somebody saw a room they are not in",
    "leaked",
    ({ steps, log }) => void steps.push({ step: "shown", viewer: "carol.1", user: "carol", message: log["#lab"]![0]! }),
  ],
  [
    "somebody saw others' direct message",
    "leaked",
    ({ steps, log }) => void steps.push({ step: "shown", viewer: "carol.1", user: "carol", message: log["@bob"]![0]! }),
  ],
  [
    "a direct message is kept in a stranger's inbox",
    "leaked",
    ({ log }) => void (log["@carol"] = [other(log["@bob"]![0]!, { seq: 1 })]),
  ],
  [
    "the server fell back behind what it had shown",
    "reset",
    ({ steps }) => void steps.push({ step: "reset", viewer: "alice.1", conversation: "#lab" }),
  ],
  [
    "somebody did not get the last message",
    "behind",
    (run) => remove(run, find(run, "shown", "stored before the cut", "bob.2")),
  ],
  ["somebody got nothing at all", "behind", (run) => remove(run, find(run, "shown", "alone", "carol.1"))],
  ["a say was never answered", "unanswered", (run) => remove(run, find(run, "stored", "one"))],
];

test.each(faults)("a run fails when %s", (_, rule, spoil) => {
  const run = goodRun();
  spoil(run);
  expect(check(run).map((violation) => violation.rule)).toContain(rule);
});

test("a client whose account has read everything before it came has missed nothing", () => {
  const run = goodRun();
  run.steps.push({ step: "watch", viewer: "carol.2", user: "carol", conversation: "@carol" });
  run.steps.push({ step: "watch", viewer: "alice.2", user: "alice", conversation: "@alice" });
  run.present.push("alice.2", "carol.2");
  expect(check(run)).toEqual([]);
});

test("a say of unknown outcome may be stored or not, and no more than once", () => {
  const run = goodRun();
  run.log["#lab"]!.push(other(run.log["#lab"]![3]!, { seq: 5 }));
  expect(check(run).map(({ rule }) => rule)).toContain("doubled");
});
