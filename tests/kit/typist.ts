// typist.ts: somebody at a text session, as with nc: raw lines, no ids, no retries, one connection after the other. Types to
// rooms and people, and now and then a command that does not exist: its answer proves that everything before was taken.
// Called by workload.ts.

import { setTimeout as pass } from "node:timers/promises";
import { ERRORS } from "../../protocol.ts";
import { LOBBY } from "../../shared/names.ts";
import type { Scene } from "./deeds.ts";
import { typedDeed } from "./deeds.ts";
import type { Ports, Way } from "./devices.ts";
import { PASSWORD, Wire } from "./harness.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";

export interface TypistOptions {
  user: string;
  label: string;
  way: Exclude<Way, "page">;
  ports: Ports;
  people: readonly string[]; // whom it may write to
  alone: boolean; // no other connection of its account at the same time
  life: number; // ms that a connection lasts at most
  hosts?: Scene | undefined; // of a host: where it keeps order
}

const ROOM = "#lab"; // beside the lobby
const RETURN = { low: 1, high: 200 }; // ms until somebody who was cut off comes back
const AWAY = 1_500; // ms until somebody who left comes back, at most
const MARK = 0.2; // probability that a line is followed by a mark
const ACT = 0.2; // share of acts in what a host types
const REFUSALS = Object.values(ERRORS).map((sentence) => `* ${sentence}`);
const NOTHING_DONE = /^\* .*(Nothing was (sent|done|removed)\.|There is nothing of )/;
const SENT_OUT = /^\* [a-z]+ sent you out\./;
/** `bob: hi`, `bob (in lab): hi`, `[pm] bob (12:30): hi`, `[pm to bob] nora: hi`, `[host] ivan: hi` */
const SHOWN =
  /^(?:\[pm(?: to (?<to>[a-z]+))?\] )?(?:\[host\] )?(?<from>[a-z]+)(?: \(in (?<room>[a-z]+)\))?(?: \((?:\d{4}-\d\d-\d\d )?\d\d:\d\d\))?: (?<text>.*)$/;

const TOPIC = /^\* (?<from>[a-z]+) set the topic of (?<room>[a-z]+): (?<text>.*)$/;
const REMOVED = /^\(removed by (?<by>[a-z]+)(?:: .*)?\)$/;

export class Typist {
  /** The session there is; "" while there is none. */
  session = "";
  readonly #options: TypistOptions;
  readonly #recorder: Recorder;
  readonly #random: Random;
  #wire: Wire | undefined;
  #room: string = LOBBY; // where a line goes
  #sessions = 0;
  #typed = 0;
  #marks = 0;
  #isStaying = false;
  #living: Promise<void> = Promise.resolve();
  /** Lines that are not proved to be taken, the mark that will prove it, and whether one of them was refused. */
  #pending: { call: number; mark: number; doubtful?: true }[] = [];
  #proved: () => void = () => {};

  constructor(options: TypistOptions, recorder: Recorder, random: Random) {
    this.#options = options;
    this.#recorder = recorder;
    this.#random = random;
  }

  /** One session after the other until `stay` is called; the one there is then is kept. `pause` in ms, on average. */
  live(pause: number): void {
    this.#living = this.#live(pause);
  }

  async #live(pause: number): Promise<void> {
    while (!this.#isStaying) {
      await this.#arrive();
      const end = Date.now() + this.#random.between(this.#options.life / 4, this.#options.life);
      await this.#talk(end, pause);
      if (Date.now() >= end) await pass(this.#random.between(0, AWAY));
    }
  }

  /** Stays in a session until everything typed is proved to be taken and everything sent before has come. */
  async stay(): Promise<void> {
    this.#isStaying = true;
    await this.#living;
    while (!(await this.#proveAll())) await this.#arrive();
  }

  async leave(): Promise<void> {
    const wire = this.#wire;
    wire?.type("!exit");
    await wire?.ended;
  }

  /** Opens a session, again and again until one gets through. */
  async #arrive(): Promise<void> {
    while (this.session === "") {
      await this.#open();
      if (this.session === "") await pass(this.#random.between(RETURN.low, RETURN.high));
    }
  }

  async #open(): Promise<void> {
    const { user, label, way, ports, alone } = this.#options;
    const wire = await Wire.open(ports[way]).catch(() => undefined);
    if (wire === undefined) return;
    const viewer = `${user}.${label}.${++this.#sessions}`;
    const read = (conversation: string): void =>
      this.#recorder.take({ step: "read", viewer, user, conversation, ...(alone && { alone }) });
    this.#recorder.take({ step: "asks", viewer, conversation: `@${user}` });
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const reading = async (): Promise<void> => {
      let isOrderly = false;
      for (let line; (line = await nextLine(wire)) !== undefined;) {
        if (line.startsWith("* Welcome, ")) read(`@${user}`);
        else if (line.startsWith("* You are in lobby")) read(LOBBY);
        else if (line.startsWith("* You are in lab")) {
          read(ROOM);
          this.session = viewer;
          resolve();
        } else if (line === "* Goodbye.") isOrderly = true;
        else if (SENT_OUT.test(line)) wire.reset(); // at the sign-in, after which the server would wait for another
        this.#hear(line, viewer);
      }
      this.session = "";
      this.#wire = undefined;
      this.#pending = [];
      this.#recorder.take({ step: "gone", viewer, how: isOrderly ? "orderly" : "cut" });
      resolve();
      this.#proved();
    };
    this.#recorder.counts.sessions++;
    this.#wire = wire;
    this.#room = ROOM;
    wire.raw(`login ${user} ${PASSWORD}\n/join lab\n`);
    void reading();
    await settled;
  }

  #hear(line: string, viewer: string): void {
    const { user } = this.#options;
    const mark = /zz(\d+)zz/.exec(line)?.[1];
    const topic = TOPIC.exec(line)?.groups;
    if (topic !== undefined) {
      const { from = "", room = "", text = "" } = topic;
      return this.#recorder.take({ step: "line", viewer, user, from, to: `#${room}`, text });
    }
    if (line.startsWith("* ")) {
      if (mark !== undefined) this.#taken(Number(mark));
      else if (NOTHING_DONE.test(line) || REFUSALS.some((refusal) => line.startsWith(refusal)))
        for (const one of this.#pending) one.doubtful = true; // nobody knows which one
      return;
    }
    const found = SHOWN.exec(line)?.groups;
    const isPrivate = line.startsWith("[pm");
    const to = isPrivate ? (found?.to ?? user) : `#${found?.room ?? LOBBY.slice(1)}`;
    const { from = "?", text = line } = found ?? {};
    const removed = REMOVED.exec(text)?.groups?.by;
    this.#recorder.take({ step: "line", viewer, user, from, to, text, removed });
  }

  #taken(mark: number): void {
    for (const { call, doubtful } of this.#pending.filter((line) => line.mark <= mark))
      this.#recorder.take({ step: "taken", call, at: Date.now(), ...(doubtful && { doubtful }) });
    this.#pending = this.#pending.filter((line) => line.mark > mark);
    if (mark === this.#marks) this.#proved();
  }

  async #talk(until: number, pause: number): Promise<void> {
    while (this.session !== "" && !this.#isStaying) {
      await pass(this.#random.next() * 2 * pause);
      if (this.session === "" || this.#isStaying) return;
      if (Date.now() >= until) return this.#end();
      if (this.#options.hosts !== undefined && this.#random.chance(ACT)) this.#act(this.#options.hosts);
      else this.#type();
      if (this.#random.chance(MARK)) this.#mark();
    }
  }

  /** Types a line to a room or a person. */
  #type(): void {
    const { user, people } = this.#options;
    if (this.#random.chance(0.1)) {
      this.#room = this.#room === LOBBY ? ROOM : LOBBY;
      this.#wire!.type(`/join ${this.#room.slice(1)}`);
    }
    const token = this.#random.between(0, 2 ** 31).toString(36); // so that what a cut leaves of it is no other's
    const text = `${token} ${this.session} ${++this.#typed} ${"é✓".repeat(this.#random.between(0, 20))}.`;
    const to = this.#random.chance(0.7) ? this.#room : this.#random.pick(people);
    const call = this.#recorder.typed(this.session, user, to, text);
    this.#pending.push({ call, mark: this.#marks + 1 });
    this.#wire!.type(to.startsWith("#") ? text : `/msg ${to} ${text}`);
  }

  /** Types what hosts do. */
  #act(scene: Scene): void {
    const { line, to, deed } = typedDeed(this.#random, scene, this.#room);
    const call = this.#recorder.typedAct(this.session, this.#options.user, to, deed);
    this.#pending.push({ call, mark: this.#marks + 1 });
    this.#wire!.type(line);
  }

  #mark(): void {
    this.#wire!.type(`/zz${++this.#marks}zz`);
  }

  /** Whether a session there is has proved everything that was typed to be taken. */
  async #proveAll(): Promise<boolean> {
    if (this.session === "") return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#proved = resolve;
    this.#mark();
    await promise;
    return this.session !== "";
  }

  /** Ends the session: in order, or, where that is its way, in the middle of everything. */
  async #end(): Promise<void> {
    const wire = this.#wire!;
    const choice = this.#options.way === "straight" ? 1 : this.#random.next();
    if (choice < 0.3) wire.reset();
    else if (choice < 0.5) wire.halfClose();
    else wire.type("!exit");
    await wire.ended;
  }
}

/** The next line, `undefined` when the connection has ended. */
function nextLine(wire: Wire): Promise<string | undefined> {
  return wire.line().catch(() => undefined);
}
