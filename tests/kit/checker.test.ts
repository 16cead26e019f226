import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Rule, Run, Step, Stored } from "./checker.ts";
import { check } from "./checker.ts";
import { judge } from "./gauge.ts";
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
  const say = (by: string, to: string, text: string, typed?: true): number => {
    steps.push({ step: "say", call: ++call, by, from: by.split(".")[0]!, to, text, ...(typed && { typed }) });
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
  steps.push({ step: "position", user: "bob", conversation: "#lab", seen: 3, least: 2, head: 4 });
  watch("bob.2", "bob", "#lab", 3);
  watch("bob.2", "bob", "@bob"); // goes on after what bob has confirmed: his first direct message
  show("bob.2", log["#lab"]![3]!);
  show("bob.2", log["@bob"]![1]!);
  atTextSessions({ steps, say, keep, show, watch });
  return { steps, log, present: ["alice.1", "bob.2", "carol.1", "nora.2"] };
}

/** Nora at two text sessions in the lobby, one after the other; Alice is there too. The first is cut in the middle of a line
 *  that Nora types and of a private message to her; a line that she typed before is proved to be taken. */
function atTextSessions({ steps, say, keep, show, watch }: Told): void {
  const read = (viewer: string) => {
    for (const conversation of ["#lobby", "@nora"])
      steps.push({
        step: "read",
        viewer,
        user: "nora",
        conversation,
        ...(conversation === "@nora" && { alone: true }),
      });
  };
  const line = (viewer: string, { from, to, text }: Stored) =>
    steps.push({ step: "line", viewer, user: "nora", from, to, text });
  const toLobby = (text: string): Stored => {
    const call = say("alice.1", "#lobby", text);
    const message = keep("#lobby", "alice", "#lobby", text);
    show("alice.1", message);
    steps.push({ step: "stored", call, message });
    return message;
  };
  const toNora = (text: string): Stored => {
    const call = say("alice.1", "nora", text);
    const message = keep("@alice", "alice", "nora", text);
    show("alice.1", message);
    steps.push({ step: "stored", call, message });
    return keep("@nora", "alice", "nora", text);
  };
  const type = (by: string, text: string, arrives = text): number => {
    const call = say(by, "#lobby", text, true);
    show("alice.1", keep("#lobby", "nora", "#lobby", arrives));
    return call;
  };
  watch("alice.1", "alice", "#lobby", 0);
  read("nora.1");
  line("nora.1", toLobby("lobby one"));
  const typed = type("nora.1", "typed");
  line("nora.1", toLobby("lobby two"));
  line("nora.1", toLobby("lobby three"));
  steps.push({ step: "taken", call: typed });
  line("nora.1", toNora("for nora"));
  toNora("on its way");
  type("nora.1", "a line that was cut", "a line th");
  say("nora.1", "bob", "a line that never came", true);
  steps.push({ step: "gone", viewer: "nora.1", how: "cut" });
  toLobby("lobby four");
  read("nora.2");
  line("nora.2", toNora("after the cut"));
  line("nora.2", toLobby("lobby five"));
  steps.push({ step: "taken", call: type("nora.2", "typed again") });
}
interface Told {
  steps: Step[];
  say: (by: string, to: string, text: string, typed?: true) => number;
  keep: (conversation: string, from: string, to: string, text: string) => Stored;
  show: (viewer: string, message: Stored) => unknown;
  watch: (viewer: string, user: string, conversation: string, after?: number) => unknown;
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

const position = ({ steps }: Run, change: Partial<Extract<Step, { step: "position" }>>) =>
  void Object.assign(
    steps.find(({ step }) => step === "position")!,
    change,
  );
const faults: [fault: string, rule: Rule, spoil: (run: Run) => void][] = [
  ["an account is told to have read less than it had confirmed", "forgotten", (run) => position(run, { seen: 1 })],
  ["an account is told to have read more than there is", "forgotten", (run) => position(run, { seen: 5 })],
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
  ["somebody never got in", "behind", (run) => void run.present.push("bob.phone.1")],
  [
    "another device of the account missed one",
    "out of sequence",
    (run) => {
      run.steps.push({ step: "watch", viewer: "bob.3", user: "bob", conversation: "#lab", after: 0 });
      for (const seq of [1, 2, 4])
        run.steps.push({ step: "shown", viewer: "bob.3", user: "bob", message: run.log["#lab"]![seq - 1]! });
    },
  ],
  [
    "another device of the account was shown another message",
    "diverged",
    (run) => {
      run.steps.push({ step: "watch", viewer: "bob.3", user: "bob", conversation: "#lab", after: 0 });
      const message = other(run.log["#lab"]![0]!, { id: "another" });
      run.steps.push({ step: "shown", viewer: "bob.3", user: "bob", message });
    },
  ],
  ["a text session missed a line", "out of sequence", (run) => remove(run, find(run, "line", "lobby two"))],
  [
    "a text session missed what was said right after it came",
    "out of sequence",
    (run) => remove(run, find(run, "line", "lobby one")),
  ],
  [
    "a text session was shown a line twice",
    "out of sequence",
    ({ steps }) => {
      const index = steps.findIndex((step) => step.step === "line" && step.text === "lobby two");
      steps.splice(index, 0, steps[index]!);
    },
  ],
  [
    "a text session was shown two lines in another order",
    "out of sequence",
    (run) => {
      const two = find(run, "line", "lobby two");
      remove(run, two);
      run.steps.splice(run.steps.indexOf(find(run, "line", "lobby three")) + 1, 0, two);
    },
  ],
  [
    "a text session was shown what it had typed",
    "out of sequence",
    (run) => {
      const shown = { step: "line", viewer: "nora.2", user: "nora", from: "nora", to: "#lobby" } as const;
      run.steps.push({ ...shown, text: "typed again" });
    },
  ],
  [
    "a text session was shown what nobody said",
    "phantom",
    (run) => void (find(run, "line", "lobby two").text = "invented"),
  ],
  [
    "a text session was shown a line as somebody else's",
    "phantom",
    (run) => void (find(run, "line", "lobby two").from = "bob"),
  ],
  [
    "a text session was shown what the log does not have",
    "phantom",
    ({ steps, log }) => {
      const at = steps.findIndex((step) => step.step === "gone" && step.viewer === "nora.1");
      const said = { by: "bob.1", from: "bob", to: "#lobby", text: "never stored" };
      const line = { step: "line", viewer: "nora.1", user: "nora", from: "bob", to: "#lobby" } as const;
      steps.splice(at, 0, { step: "say", call: 99, ...said }, { ...line, text: said.text });
      expect(log["#lobby"]!.map(({ text }) => text)).not.toContain(said.text);
    },
  ],
  [
    "a text session was shown a room it is not in",
    "leaked",
    ({ steps }) =>
      void steps.push({ step: "line", viewer: "nora.2", user: "nora", from: "alice", to: "#lab", text: "one" }),
  ],
  [
    "a text session was shown others' direct message",
    "leaked",
    ({ steps }) =>
      void steps.push({ step: "line", viewer: "nora.2", user: "nora", from: "alice", to: "bob", text: "psst" }),
  ],
  [
    "a line that was proved to be taken is not in the log",
    "lost",
    ({ log }) => void (log["#lobby"] = renumber(log["#lobby"]!.filter(({ text }) => text !== "typed"))),
  ],
  [
    "a typed line is in the log twice",
    "doubled",
    ({ log }) => void log["#lobby"]!.push(other(log["#lobby"]![1]!, { seq: log["#lobby"]!.length + 1 })),
  ],
  [
    "a cut line is in the log twice",
    "doubled",
    ({ log }) => {
      const cut = log["#lobby"]!.find(({ text }) => text === "a line th")!;
      log["#lobby"]!.push(other(cut, { seq: log["#lobby"]!.length + 1 }));
    },
  ],
  [
    "the typed lines of a session changed places",
    "reordered",
    ({ log }) => {
      const typed = log["#lobby"]!.filter(({ from }) => from === "nora");
      [typed[0]!.text, typed[1]!.text] = [typed[1]!.text, typed[0]!.text];
    },
  ],
  ["a text session did not get the last line", "behind", (run) => remove(run, find(run, "line", "lobby five"))],
  [
    "a typed line was never proved to be taken",
    "unanswered",
    (run) =>
      void run.steps.splice(
        run.steps.findLastIndex(({ step }) => step === "taken"),
        1,
      ),
  ],
  [
    "a private message that counts as seen was shown to no session, and none was cut",
    "unshown",
    (run) => void (find(run, "gone").how = "orderly"),
  ],
  [
    "a private message of the time after a cut counts as seen and was not shown",
    "unshown",
    (run) => {
      const gone = find(run, "gone");
      remove(run, gone);
      run.steps.splice(run.steps.indexOf(find(run, "say", "on its way")), 0, gone);
    },
  ],
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

describe("a server is flat", () => {
  const life = (memory: number[], after = 16) => ({ memory, descriptors: [], rest: { before: 16, after } });
  const from = (early: number, late: number) =>
    Array.from({ length: 100 }, (_, second) => (second < 60 ? early : late));

  test("when its memory grows little and its descriptors are closed", () => {
    expect(judge(life(from(100, 129)))).toEqual([]);
  });
  test("or less than a minute was watched, by which no memory can be judged", () => {
    expect(judge(life([100, 900]))).toEqual([]);
  });
  test("but not when its memory grows by a third", () => {
    expect(judge(life(from(100, 134)))).toEqual([expect.stringContaining("memory grew")]);
  });
  test("nor when a descriptor stays open", () => {
    expect(judge(life(from(100, 100), 17))).toEqual([expect.stringContaining("17 descriptors are open")]);
  });
});
