import { expect, setDefaultTimeout, test } from "bun:test";
import type { Deed } from "./calls.ts";
import type { Rule, Run, Step, Stored } from "./checker.ts";
import { check } from "./checker.ts";
import { PATIENCE } from "./harness.ts";

setDefaultTimeout(PATIENCE);

const START = 1_800_000_000_000; // ms since 1970

/** Makes a run: Ivan, a host, with Alice and Bob in #lab and in the lobby. Everything is stored, shown to both and acknowledged. */
class Stage {
  readonly run: Run = {
    ...{ steps: [], log: {}, looked: {}, present: ["alice.1", "bob.1"], hosts: ["ivan"] },
    database: { settings: [], removed: new Map() },
  };
  now = START;
  #calls = 0;

  constructor() {
    for (const user of ["alice", "bob"])
      for (const place of ["#lobby", "#lab", `@${user}`]) this.watch(`${user}.1`, place, 0);
  }
  add(...steps: Step[]): void {
    this.run.steps.push(...steps);
  }
  watch(viewer: string, conversation: string, after: number): void {
    const user = viewer.split(".")[0]!;
    this.add({ step: "asks", viewer, conversation }, { step: "watch", viewer, user, conversation, after });
  }
  /** Somebody says something. */
  ask(from: string, to: string, text: string): number {
    const call = ++this.#calls;
    this.add({ step: "say", call, by: `${from}.1`, from, to, text, id: `i-${call}`, at: this.now });
    return call;
  }
  /** It is stored in every conversation that it belongs to; what those who read them are told. */
  store(call: number, more: Partial<Stored> = {}): Stored[] {
    const asked = this.run.steps.find((step) => "call" in step && step.call === call) as Step & { step: "say" };
    const { from, to, text, id = "" } = asked;
    const names = to.startsWith("#") ? [to] : [...new Set([`@${from}`, `@${to}`])];
    return names.map((name) => {
      const entries = (this.run.log[name] ??= []);
      const host = from === "ivan" ? { host: true as const } : {};
      const message = { to, seq: entries.length + 1, from, id, text, at: this.now, ...host, ...more };
      entries.push(message);
      const users = name.startsWith("@") ? [name.slice(1)] : ["alice", "bob"];
      for (const user of users)
        if (user !== "ivan") this.add({ step: "shown", viewer: `${user}.1`, user, message: { ...message } });
      return message;
    });
  }
  say(from: string, to: string, text: string): Stored {
    const call = this.ask(from, to, text);
    const [message] = this.store(call);
    this.add({ step: "stored", call, message: { ...message! }, at: ++this.now });
    return message!;
  }
  refused(from: string, to: string, text: string, code: string): void {
    this.add({ step: "refused", call: this.ask(from, to, text), code, at: ++this.now });
  }
  act(from: string, to: string, deed: Deed, more: Partial<Stored> = {}): Stored {
    const call = ++this.#calls;
    const text = `did ${call}`;
    this.add({ step: "act", call, by: `${from}.1`, from, to, id: `i-${call}`, deed, at: this.now });
    const step = this.run.steps.at(-1)!;
    Object.assign(step, { text });
    const [message] = this.store(call, { ...(deed as Partial<Stored>), ...more });
    this.add({ step: "stored", call, message: { ...message! }, at: ++this.now });
    return message!;
  }
  set(to: string, key: string, value: string, more: Partial<Deed> = {}, stored = value): Stored {
    return this.act("ivan", to, { act: "set", key, value, ...more }, { value: stored });
  }
  /** Empties a message, in the log and for the database. */
  empty(message: Stored, by: string): void {
    const texts = (this.run.database!.removed as Map<string, Map<number, string>>).get(message.to) ?? new Map();
    (this.run.database!.removed as Map<string, Map<number, string>>).set(
      message.to,
      texts.set(message.seq, message.text),
    );
    Object.assign(message, { text: "(removed)", removed: by });
  }
  remove(from: string, message: Stored): Stored {
    const { to, seq: on, from: of } = message;
    const act = this.act(from, to, { act: "remove", on }, { of, on, through: on, value: "1" });
    this.empty(message, from);
    return act;
  }
  believes(viewer: string, place: string, ...settings: [key: string, value: string][]): void {
    const given = settings.map(([key, value]) => ({ key, value, by: "ivan" }));
    this.add({ step: "believes", viewer, place, settings: given, at: this.now });
  }
  stored(place: string, key: string, value: string, of = ""): void {
    this.run.database = {
      ...this.run.database!,
      settings: [...this.run.database!.settings, { place, key, of, value, by: "ivan" }],
    };
  }
  rules(): Rule[] {
    return [...new Set(check(this.run).map(({ rule }) => rule))];
  }
}

/** What happens, and which rule it breaks: first where it keeps them, then where it breaks one. */
const scenes: [what: string, rule: Rule, keep: (stage: Stage) => void, spoil: (stage: Stage) => void][] = [
  [
    "a room is locked",
    "disobeyed",
    (s) => {
      s.say("alice", "#lab", "before");
      s.set("#lab", "lock", "on");
      s.say("ivan", "#lab", "as a host");
      s.refused("alice", "#lab", "meanwhile", "quiet");
      s.set("#lab", "lock", "off");
      s.say("alice", "#lab", "after");
    },
    (s) => {
      s.set("#lab", "lock", "on");
      s.say("alice", "#lab", "meanwhile");
      s.set("#lab", "lock", "off");
    },
  ],
  [
    "a room is locked for a time",
    "disobeyed",
    (s) => {
      s.set("#lab", "lock", "+9", {}, String(s.now + 9_000));
      s.now += 10_000;
      s.say("alice", "#lab", "after");
      s.stored("#lab", "lock", String(START + 9_000));
    },
    (s) => {
      s.set("#lab", "lock", "+9", {}, String(s.now + 9_000));
      s.say("alice", "#lab", "meanwhile");
      s.stored("#lab", "lock", String(START + 9_000));
    },
  ],
  [
    "all is locked",
    "disobeyed",
    (s) => {
      const early = s.ask("bob", "#lab", "said before");
      s.set("#lobby", "lock", "on", { of: "*" });
      s.add({ step: "stored", call: early, message: s.store(early)[0]!, at: s.now });
      s.say("alice", "ivan", "to a host");
      s.set("#lobby", "lock", "off", { of: "*" });
    },
    (s) => {
      s.set("#lobby", "lock", "on", { of: "*" });
      s.say("alice", "#lab", "meanwhile");
      s.set("#lobby", "lock", "off", { of: "*" });
    },
  ],
  [
    "somebody is muted",
    "disobeyed",
    (s) => {
      s.set("alice", "mute", "on");
      s.say("alice", "ivan", "sorry");
      s.say("alice", "alice", "a note");
      s.say("bob", "#lab", "of another");
      s.stored("@alice", "mute", "on");
    },
    (s) => {
      s.set("alice", "mute", "on");
      s.say("alice", "bob", "psst");
      s.stored("@alice", "mute", "on");
    },
  ],
  [
    "private messages are for hosts only",
    "disobeyed",
    (s) => {
      s.set("#lobby", "private", "hosts", { of: "*" });
      s.say("alice", "ivan", "help");
      s.stored("*", "private", "hosts");
    },
    (s) => {
      s.set("#lobby", "private", "hosts", { of: "*" });
      s.say("alice", "bob", "psst");
      s.stored("*", "private", "hosts");
    },
  ],
  [
    "a room is slow",
    "disobeyed",
    (s) => {
      s.set("#lab", "slow", "9");
      s.say("alice", "#lab", "one");
      s.say("bob", "#lab", "mine");
      s.now += 9_000;
      s.say("alice", "#lab", "two");
      s.add({ step: "killed", at: s.now });
      s.say("alice", "#lab", "three");
      s.stored("#lab", "slow", "9");
    },
    (s) => {
      s.set("#lab", "slow", "9");
      s.say("alice", "#lab", "one");
      s.say("alice", "#lab", "two");
      s.stored("#lab", "slow", "9");
    },
  ],
  [
    "somebody is taken out of a room",
    "disobeyed",
    (s) => {
      s.set("#lab", "member", "off", { of: "alice" });
      s.set("#lab", "member", "on", { of: "alice" });
      s.say("alice", "#lab", "thanks");
      s.stored("#lab", "member", "on", "alice");
    },
    (s) => {
      s.set("#lab", "member", "off", { of: "alice" });
      s.say("alice", "#lab", "still here");
    },
  ],
  [
    "something is refused after a lock",
    "withheld",
    (s) => {
      const early = s.ask("alice", "#lab", "at the same time");
      s.set("#lab", "lock", "on");
      s.set("#lab", "lock", "off");
      s.add({ step: "refused", call: early, code: "quiet", at: s.now });
    },
    (s) => {
      s.set("#lab", "lock", "on");
      s.set("#lab", "lock", "off");
      s.refused("alice", "#lab", "late", "quiet");
    },
  ],
  [
    "what was refused before a kill is stored behind what was said later",
    "reordered",
    (s) => {
      s.set("#lab", "lock", "on");
      const early = s.ask("alice", "#lab", "early");
      s.set("#lab", "lock", "off");
      s.say("alice", "#lab", "later");
      s.add({ step: "killed", at: s.now });
      s.add({ step: "stored", call: early, message: s.store(early)[0]!, at: s.now });
    },
    (s) => {
      s.set("#lab", "lock", "on");
      const early = s.ask("alice", "#lab", "early");
      s.set("#lab", "lock", "off");
      s.say("alice", "#lab", "later");
      s.add({ step: "stored", call: early, message: s.store(early)[0]!, at: s.now });
    },
  ],
  [
    "a host does something",
    "forbidden",
    (s) => {
      s.set("#lab", "topic", "tea");
      s.stored("#lab", "topic", "tea");
    },
    (s) => {
      s.act("alice", "#lab", { act: "set", key: "topic", value: "mine" });
      s.run.database = undefined as never;
    },
  ],
  [
    "people remove what they said",
    "forbidden",
    (s) => void s.remove("alice", s.say("alice", "#lab", "mine")),
    (s) => void s.remove("alice", s.say("bob", "#lab", "his")),
  ],
  [
    "what was refused is not there",
    "refused",
    (s) => {
      s.set("alice", "mute", "on");
      s.refused("alice", "#lab", "meanwhile", "quiet");
      s.stored("@alice", "mute", "on");
    },
    (s) => {
      s.set("alice", "mute", "on");
      const call = s.ask("alice", "#lab", "meanwhile");
      s.add({ step: "refused", call, code: "quiet", at: s.now });
      s.store(call);
      s.stored("@alice", "mute", "on");
    },
  ],
  [
    "what an act covers is empty, and nothing else is",
    "emptied",
    (s) => void s.remove("ivan", s.say("alice", "#lab", "gone")),
    (s) => s.empty(s.say("alice", "#lab", "gone"), "ivan"),
  ],
  [
    "what an act covers is empty, by whoever removed it",
    "emptied",
    (s) => void s.remove("ivan", s.say("alice", "#lab", "gone")),
    (s) => {
      const { seq: on, from: of } = s.say("alice", "#lab", "still there");
      s.act("ivan", "#lab", { act: "remove", on }, { of, on, through: on, value: "1" });
    },
  ],
  [
    "what is emptied keeps its place, its sender and its id",
    "diverged",
    (s) => void s.remove("ivan", s.say("alice", "#lab", "gone")),
    (s) => {
      const message = s.say("alice", "#lab", "gone");
      s.remove("ivan", message);
      message.id = "another";
    },
  ],
  [
    "whoever asks after something was removed gets it empty",
    "unremoved",
    (s) => {
      const message = s.say("alice", "#lab", "gone");
      s.watch("bob.2", "#lab", 0);
      const before = { ...message };
      s.remove("ivan", message);
      s.add({ step: "shown", viewer: "bob.2", user: "bob", message: before }); // it was on its way
    },
    (s) => {
      const message = s.say("alice", "#lab", "gone");
      const before = { ...message };
      s.remove("ivan", message);
      s.watch("bob.2", "#lab", 0);
      s.add({ step: "shown", viewer: "bob.2", user: "bob", message: before });
    },
  ],
  [
    "whoever was there hears what was removed",
    "unfolded",
    (s) => void s.remove("ivan", s.say("alice", "#lab", "gone")),
    (s) => {
      s.remove("ivan", s.say("alice", "#lab", "gone"));
      for (const step of s.run.steps)
        if (step.step === "shown" && step.viewer === "bob.1") delete (step.message as Partial<Stored>).act;
    },
  ],
  [
    "whoever asks for it at the end is answered what is left",
    "unfolded",
    (s) => {
      const message = s.say("alice", "#lab", "gone");
      s.remove("ivan", message);
      s.run.looked!["#lab"] = [message];
    },
    (s) => {
      const message = s.say("alice", "#lab", "gone");
      s.run.looked!["#lab"] = [{ ...message }];
      s.remove("ivan", message);
    },
  ],
  [
    "everybody has the settings of the log",
    "unfolded",
    (s) => {
      s.set("#lab", "lock", "on");
      s.set("#lab", "lock", "+1", {}, String(s.now + 1_000));
      s.set("#lab", "topic", "tea");
      s.now += 2_000;
      s.believes("bob.1", "#lab", ["topic", "tea"]); // the lock is over
      s.stored("#lab", "lock", String(START + 1_001));
      s.stored("#lab", "topic", "tea");
    },
    (s) => {
      s.set("#lab", "topic", "tea");
      s.believes("bob.1", "#lab", ["topic", "coffee"]);
      s.stored("#lab", "topic", "tea");
    },
  ],
  [
    "the database has the settings of the log",
    "unfolded",
    (s) => {
      s.set("#lab", "door", "on");
      s.set("#lab", "member", "on", { of: "alice" });
      s.stored("#lab", "door", "on");
      s.stored("#lab", "member", "on", "alice");
      s.stored("#lab", "member", "on", "bob"); // who was there when the door was closed
    },
    (s) => {
      s.set("#lab", "door", "on");
      s.set("#lab", "member", "off", { of: "alice" });
      s.stored("#lab", "door", "on");
      s.stored("#lab", "member", "on", "alice");
    },
  ],
  [
    "the database keeps what was removed",
    "unfolded",
    (s) => void s.remove("ivan", s.say("alice", "#lab", "gone")),
    (s) => {
      const message = s.say("alice", "#lab", "gone");
      s.remove("ivan", message);
      (s.run.database!.removed.get("#lab") as Map<number, string>).set(message.seq, "another");
    },
  ],
  [
    "an act is done as it was asked for",
    "phantom",
    (s) => {
      s.set("#lab", "topic", "tea");
      s.stored("#lab", "topic", "tea");
    },
    (s) => {
      s.set("#lab", "topic", "tea", {}, "coffee");
      s.stored("#lab", "topic", "coffee");
    },
  ],
];

test.each(scenes)("%s: that breaks no rule", (_, __, keep) => {
  const stage = new Stage();
  keep(stage);
  expect(check(stage.run)).toEqual([]);
});

test.each(scenes)("%s; where it is not so, it is %s", (_, rule, __, spoil) => {
  const stage = new Stage();
  spoil(stage);
  expect(stage.rules()).toContain(rule);
});

test("acts that were typed are counted: one more than were typed, or one less than were taken, is wrong", () => {
  const typed = (count: number): Stage => {
    const stage = new Stage();
    for (const call of [101, 102]) {
      const asked = { by: "ivan.nc", from: "ivan", to: "#lab", deed: { act: "set", key: "slow", value: "0" } } as const;
      stage.add({ step: "act", call, ...asked }, { step: "taken", call, doubtful: call === 102 });
    }
    for (let seq = 1; seq <= count; seq++) {
      const entry = { to: "#lab", seq, from: "ivan", id: `~${seq}`, text: "did", host: true } as const;
      (stage.run.log["#lab"] ??= []).push({ ...entry, act: "set", key: "slow", value: "0" });
    }
    stage.run.present = [];
    return stage;
  };
  expect([0, 1, 2, 3].map((count) => typed(count).rules())).toEqual([["lost"], [], [], ["phantom"]]);
});
