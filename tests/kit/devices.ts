// devices.ts: one device of an account: the real client over TCP, or over a WebSocket as the page does, one process after the
// other. Talks at its own speed, goes away and comes back, and may stop reading for a while. Called by workload.ts.

import { setTimeout as pass } from "node:timers/promises";
import { AccountCredentials } from "../../client/credentials.ts";
import { openTcp } from "../../client/tcp.ts";
import { LIMITS } from "../../protocol.ts";
import type { Message } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import { Board } from "../../shared/board.ts";
import { isRoom, LOBBY } from "../../shared/names.ts";
import { Connection, receiveMessages } from "../../shared/connection.ts";
import type { ClientEvent } from "../../shared/feed.ts";
import type { Link } from "../../shared/link.ts";
import { Refused } from "../../shared/link.ts";
import { openWebSocket } from "../../web/websocket.ts";
import type { Scene } from "./deeds.ts";
import { hostDeeds, memberDeed } from "./deeds.ts";
import { PASSWORD } from "./harness.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";

/** Where a device connects to: through the bad network, to the page's door, or straight to the server. */
export type Way = "tcp" | "page" | "straight";
export type Ports = Record<Way, number>;

export interface DeviceOptions {
  user: string;
  label: string; // "laptop"
  way: Way;
  ports: Ports; // they change when the server is started anew
  rooms: readonly string[];
  people: readonly string[]; // whom it may write to
  foreign: readonly string[]; // rooms it is not in, and nobody's name: what is said there is refused
  scene: Scene;
}

const RETURN = { low: 1, high: 40 }; // ms until a client that was cut off tries again
const AWAY = 1_500; // ms until a client that went away is followed by another, at most
const LATE = 2_000; // ms that opening a link may take
const SILENCE = { ask: 1_500, gone: 4_000 }; // ms; a link that died unnoticed is given up soon
const MOST_OPEN = 100; // says of one process without an outcome: more than the 32 that may be under way
const BURST = 500; // ms worth of says that are said without a pause
const ACT = 0.05; // share of acts in what a member does
const BANNED = 300; // ms until a client that was sent out tries again
const KNOCK = 100; // ms until a client that may not enter a room tries again
const NO_ENTRY = /^(\S+) has a door/;
const REMEMBERED = 20; // direct messages that it may remove

export class Device {
  readonly user: string;
  process = "";
  readonly #options: DeviceOptions;
  readonly #recorder: Recorder;
  readonly #random: Random;
  #connection: Connection | undefined;
  #processes = 0;
  #said = 0;
  #awake = Promise.resolve(); // nothing is read before
  #board: Board;
  #direct: Message[] = []; // the last that it wrote
  readonly #knocking = new Set<string>(); // at rooms

  constructor(options: DeviceOptions, recorder: Recorder, random: Random) {
    this.user = options.user;
    this.#options = options;
    this.#recorder = recorder;
    this.#random = random;
    this.#board = new Board(this.user);
  }

  get conversations(): string[] {
    return [...this.#options.rooms, inboxOf(this.user)];
  }
  /** Says that have no outcome yet. */
  get open(): number {
    return this.#recorder.open.get(this.process) ?? 0;
  }

  /** Starts a client, which keeps trying until it gets through. */
  arrive(): void {
    const { user, label, rooms } = this.#options;
    const process = `${user}.${label}.${++this.#processes}`;
    const wire = this.#recorder.wire(process, user);
    const connection = new Connection({
      credentials: new AccountCredentials({ user, password: PASSWORD }),
      open: async () => wire(await this.#open()),
      rooms,
      follows: true,
      silence: SILENCE,
    });
    this.process = process;
    this.#connection = connection;
    this.#board = new Board(user);
    this.#direct = [];
    connection.keepTrying();
    void this.#read(process, connection);
  }

  /** Opens a link, or gives up soon: a WebSocket whose server is killed during its handshake may not be told. */
  async #open(): Promise<Link> {
    const { way, ports } = this.#options;
    const opening: Promise<Link> =
      way === "page"
        ? openWebSocket(`ws://127.0.0.1:${ports.page}/ws`)
        : openTcp({ host: "127.0.0.1", port: ports[way] });
    const link = await Promise.race([opening, pass(LATE)]);
    if (link !== undefined) return link;
    void opening.then((late) => late.cut()).catch(() => {});
    throw new Refused({ code: "unreachable", text: "The server does not answer." });
  }

  async #read(process: string, connection: Connection): Promise<void> {
    for await (const event of receiveMessages(connection)) {
      if (connection !== this.#connection) return;
      this.#board.take(event);
      this.#hear(event, process, connection);
      await this.#awake;
    }
  }

  #hear(event: ClientEvent, process: string, connection: Connection): void {
    const { user } = this;
    switch (event.type) {
      case "inbox":
        return this.#recorder.entered(process, user, inboxOf(user), undefined);
      case "entered":
        return this.#recorder.entered(process, user, event.to, Math.max(0, event.seq - LIMITS.backlog));
      case "message": {
        const isIn = !isRoom(event.to) || this.#recorder.isIn(process, event.to); // if not, what it said before is answered
        if (isIn) this.#recorder.shown(process, user, event);
        if (isRoom(event.to)) connection.seen(event.to, event.seq);
        return;
      }
      case "caught up":
        return this.#recorder.caughtUp(process);
      case "reset":
        return this.#recorder.reset(process, user, event.to);
      case "gone":
        return void this.#comeBack(event.to, process, connection);
      case "error": {
        const room = NO_ENTRY.exec(event.text)?.[1];
        return room === undefined ? undefined : void this.#comeBack(`#${room}`, process, connection);
      }
      case "offline": {
        const pause = event.code === "no_entry" ? BANNED : this.#random.between(RETURN.low, RETURN.high);
        return void setTimeout(() => connection.retryNow(), pause);
      }
    }
  }

  /** Enters a room that it was put out of, as soon as it may. */
  async #comeBack(room: string, process: string, connection: Connection): Promise<void> {
    this.#recorder.out(process, room);
    const key = `${process} ${room}`;
    if (this.#knocking.has(key)) return;
    this.#knocking.add(key);
    while (connection === this.#connection && !connection.rooms.includes(room)) {
      await pass(KNOCK);
      await connection.ask({ type: "join", to: room }).catch(() => {});
    }
    this.#knocking.delete(key);
  }

  /** Tells what it takes to be set. */
  believe(): void {
    const { user, process } = this;
    const [own, all] = [inboxOf(user), this.#board.settings("*")];
    const tell = (place: string, settings: typeof all): void =>
      this.#recorder.take({ step: "believes", viewer: process, place, settings, at: Date.now() });
    const mute = this.#board.settings(own).filter(({ key }) => key === "mute");
    tell(own, mute);
    for (const room of this.#options.rooms) tell(room, this.#board.settings(room));
    if (this.#options.rooms.includes(LOBBY)) tell("*", all); // where it is told
  }

  /** Says something to somebody every now and then, until the deadline; `pause` in ms, on average. */
  async talk(deadline: number, pause: number): Promise<void> {
    while (Date.now() < deadline) {
      await pass(this.#random.next() * 2 * pause);
      if (this.open >= MOST_OPEN) continue;
      if (this.#random.chance(ACT)) this.#act();
      else this.#say(this.#random.chance(0.05) ? 500 : 30);
    }
  }

  /** Does what hosts do, one thing after the other, until the deadline, and brings the last one to its end; `pause` in ms, on
   *  average. */
  async host(deadline: number, pause: number): Promise<void> {
    while (Date.now() < deadline) {
      await pass(this.#random.next() * 2 * pause);
      for (const { after, act } of hostDeeds(this.#random, this.#options.scene, this.#place)) {
        await pass(after);
        this.#recorder.act(this.process, this.#connection!, act);
      }
    }
  }

  /** Removes something of its own, or tries what it may not do. */
  #act(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const rooms = connection.rooms.length > 0 ? connection.rooms : [LOBBY];
    const scene = { ...this.#options.scene, rooms };
    const isHost = scene.hosts.includes(this.user);
    const { act, aims } = memberDeed(this.#random, scene, this.#place, this.#direct, isHost);
    this.#recorder.act(this.process, connection, act, aims);
  }
  /** Up to where it has seen a room. */
  readonly #place = (room: string): number => this.#recorder.positions.get(`${this.process} ${room}`) ?? 1;

  /** Says as fast as the answers come, in bursts; `pause` is what a say may take on average, the rests included, in ms. */
  async pour(deadline: number, pause: number): Promise<void> {
    const length = Math.ceil(BURST / pause);
    while (Date.now() < deadline) {
      await pass(this.#random.next() * 2 * pause * length);
      for (let said = 0; said < length; said++) {
        if (this.open >= MOST_OPEN) await this.#recorder.until(() => this.open < MOST_OPEN, deadline - Date.now());
        if (Date.now() >= deadline) return;
        this.#say(500);
      }
    }
  }

  /** Stops reading every now and then, until the deadline: for `nap` ms from `steady` on, for less before that. */
  async doze(steady: number, deadline: number, nap: number): Promise<void> {
    while (Date.now() < deadline) {
      await pass(this.#random.between(500, 3_000));
      const end = Date.now() < steady ? Math.min(steady, Date.now() + nap / 10) : Math.min(deadline, Date.now() + nap);
      this.#awake = pass(Math.max(0, end - Date.now()));
      await this.#awake;
    }
  }

  #say(padding: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const text = `${this.process} ${++this.#said} ${"é✓".repeat(this.#random.between(0, padding))}.`;
    this.#recorder.say(this.process, connection, this.#recipient(), text, (message) => {
      if (isRoom(message.to) || connection !== this.#connection) return;
      this.#direct = [...this.#direct.slice(1 - REMEMBERED), message];
    });
  }

  #recipient(): string {
    const { rooms, people, foreign } = this.#options;
    const choice = this.#random.next();
    return this.#random.pick(choice < 0.7 ? rooms : choice < 0.97 ? people : foreign);
  }

  /** Goes away in the middle of everything and comes back after a while as a new client, which knows nothing of the old one. */
  async replace(): Promise<void> {
    await this.leave();
    await pass(this.#random.between(0, AWAY));
    this.arrive();
  }

  async leave(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    await connection.close();
    this.#recorder.gone(this.process, this.conversations);
  }
}
