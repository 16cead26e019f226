// alerts.ts: tells somebody who looks elsewhere that a mention or a private message is there: a dot on the tab's icon, a quiet sound, a
// notification. Waits a moment first, for it may be read on another device, and rings once for all tabs. Never asks for a permission by itself.

import type { Message } from "../protocol.ts";
import { covers } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import { emoteOf, truncateMessage } from "../shared/text.ts";
import { the } from "./dom.ts";
import { keep, recall } from "./memory.ts";
import type { Reading } from "./reading.ts";

const MOMENT = 1_000; // ms in which another device may read it
const AGREEMENT = 250; // ms in which the tabs of a browser agree on one that rings
const QUIET = 3_000; // ms between two sounds
const SHOWN = 120; // characters of a message in a notification
const RUNG = 50; // messages that the tabs remember to have rung for
const NOTES = [660, 880]; // Hz
const LOUDNESS = 0.08;

/** How things stand with notifications: they come, or could, or why they cannot. */
export type Notifying = "on" | "off" | "denied" | "insecure" | "missing";

/** The thread that is open. */
interface Opened {
  readonly name: string;
  readonly isLookedAt: boolean; // its end is on the screen
}
interface Call {
  name: string; // of its thread
  message: Message;
  isShown: boolean; // in a window that is not used at the moment
  isClaimed: boolean; // the other tabs have been told
}

export class Alerts {
  readonly #user: string;
  readonly #reading: Reading;
  readonly #opened: Opened;
  readonly #open: (name: string) => void;
  readonly #store: string;
  readonly #tab = Math.random().toString(36);
  readonly #icon = the("icon", HTMLLinkElement);
  readonly #plain = this.#icon.href;
  readonly #elsewhere = new Map<string, number>(); // by conversation: how far other devices have read since this page is there
  #waiting: Call[] = [];
  readonly #shown = new Map<Notification, readonly Call[]>();
  #isLive: boolean | undefined; // all that was missed has come; not known before the first sign-in, whose messages are no news
  #timer: ReturnType<typeof setTimeout> | undefined;
  #audio: AudioContext | undefined;
  #sounded = 0; // ms

  constructor(user: string, reading: Reading, opened: Opened, open: (name: string) => void) {
    this.#user = user;
    this.#reading = reading;
    this.#opened = opened;
    this.#open = open;
    this.#store = `rung.${user}`;
    window.addEventListener("focus", () => this.#closeRead());
    window.addEventListener("pagehide", () => this.#close(() => true));
  }

  // ---- what happens ----

  /** A message has come, to whatever thread. */
  heard(name: string, message: Message): void {
    if (message.act === "remove") return this.#removed(message);
    if (this.#isLive === undefined || !this.#reading.isFor(message)) return;
    const isShown = this.#opened.name === name && this.#opened.isLookedAt;
    const call = { name, message, isShown, isClaimed: false };
    if (call.isShown && document.hasFocus()) return;
    this.#waiting.push(call);
    this.#wait();
  }
  #wait(): void {
    if (this.#isLive && this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#claim(), MOMENT);
  }
  #removed(act: Message): void {
    const isGone = ({ message }: Call) => covers(act, message);
    this.#waiting = this.#waiting.filter((call) => !isGone(call));
    this.#close((shown) => shown.some(isGone));
  }

  /** Another device has read a conversation, as the server calls it. */
  readElsewhere(to: string, seq: number): void {
    this.#elsewhere.set(to, seq);
  }

  offline(): void {
    this.#isLive &&= false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
  caughtUp(): void {
    this.#isLive = true;
    this.#wait();
  }

  /** Counters are up to date: `isCalled` if something unread is meant for this person. */
  show(isCalled: boolean): void {
    const icon = isCalled ? this.#plain.replace("%3C/svg", `${DOT}%3C/svg`) : this.#plain;
    if (this.#icon.href !== icon) this.#icon.href = icon;
    this.#closeRead();
  }

  // ---- ringing ----

  /** Tells the other tabs that this one rings for what waits. All may say so in the same moment; the one that said it last does. */
  #claim(): void {
    const rung = this.#rung;
    this.#waiting = this.#waiting.filter(
      (call) => (rung[keyOf(call)] ?? this.#tab) === this.#tab && !this.#isRead(call),
    );
    if (this.#waiting.length === 0) return void (this.#timer = undefined);
    for (const call of this.#waiting) {
      call.isClaimed = true;
      rung[keyOf(call)] = this.#tab;
    }
    keep("local", this.#store, Object.fromEntries(Object.entries(rung).slice(-RUNG)));
    this.#timer = setTimeout(() => this.#ring(), AGREEMENT);
  }
  /** By message: the tab that rings for it, or has. */
  get #rung(): Record<string, string> {
    return recall("local", this.#store) ?? {};
  }
  #ring(): void {
    const rung = this.#rung;
    const mine = this.#waiting.filter((call) => call.isClaimed && (rung[keyOf(call)] ?? this.#tab) === this.#tab);
    const calls = mine.filter((call) => !this.#isRead(call));
    this.#waiting = this.#waiting.filter(({ isClaimed }) => !isClaimed);
    this.#timer = undefined;
    this.#wait();
    if (calls.length === 0) return;
    if (hasSound()) void this.#sound();
    if (notifying() === "on") this.#notify(calls);
  }

  #isRead({ name, message: { to, seq }, isShown }: Call): boolean {
    if (!isShown) return this.#reading.position(name) >= seq;
    return document.hasFocus() || (this.#elsewhere.get(isRoom(to) ? to : "@") ?? 0) >= seq;
  }

  /** Two soft notes. A browser lets a page be heard once somebody has used it. */
  async #sound(): Promise<void> {
    const now = Date.now();
    if (now - this.#sounded < QUIET) return;
    this.#sounded = now;
    try {
      const audio = (this.#audio ??= new AudioContext());
      await audio.resume();
      if (Date.now() - now > MOMENT) return; // it was let so only now
      for (const [n, pitch] of NOTES.entries()) {
        const start = audio.currentTime + n * 0.12;
        const [note, loudness] = [audio.createOscillator(), audio.createGain()];
        note.frequency.value = pitch;
        loudness.gain.setValueAtTime(0, start);
        loudness.gain.linearRampToValueAtTime(LOUDNESS, start + 0.015);
        loudness.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
        note.connect(loudness).connect(audio.destination);
        note.start(start);
        note.stop(start + 0.3);
      }
    } catch {
      // No sound here.
    }
  }

  // ---- notifications ----

  /** One for a thread; one for all, if several have something. */
  #notify(calls: readonly Call[]): void {
    const { name, message } = calls.at(-1)!;
    const names = [...new Set(calls.map((call) => call.name))];
    const isOne = names.length === 1;
    const count = calls.length;
    const where = isRoom(name) ? `${message.from} in ${name}` : message.from;
    const { text, cut } = truncateMessage(emoteOf(message.text) ?? message.text, SHOWN);
    const shown = makeNotification(
      isOne ? (count > 1 ? `${where}, the last of ${count}` : where) : `${count} messages for you`,
      isOne ? text + (cut > 0 ? "…" : "") : names.join(", "),
      isOne ? `${this.#user} ${name}` : this.#user,
    );
    if (shown === undefined) return;
    this.#shown.set(shown, calls);
    shown.onclose = () => this.#shown.delete(shown);
    shown.onclick = () => {
      window.focus();
      this.#open(name);
      this.#close((one) => one === calls);
    };
  }
  #closeRead(): void {
    this.#close((shown) => shown.every((call) => this.#isRead(call)));
  }
  #close(isOver: (shown: readonly Call[]) => boolean): void {
    for (const [notification, shown] of this.#shown)
      if (isOver(shown)) {
        this.#shown.delete(notification);
        notification.close();
      }
  }
}

const DOT = "%3Ccircle cx='12' cy='4' r='4' fill='%23e5484d' stroke='%23fff'/%3E";

function keyOf({ name, message: { seq, at } }: Call): string {
  return `${name} ${seq} ${at}`;
}

/** A notification; `undefined` where the browser lets only a service worker make one, which is remembered. */
function makeNotification(title: string, body: string, tag: string): Notification | undefined {
  try {
    // `renotify`: one with the tag of another is shown again, not exchanged in silence. The sound is our own.
    return new Notification(title, {
      body,
      tag,
      renotify: true,
      silent: true,
      icon: "/icon.png",
    } as NotificationOptions);
  } catch {
    keep("local", "notify", "missing");
    return undefined;
  }
}

// ---- what is switched on, on this device ----

export function hasSound(): boolean {
  return recall("local", "sound") !== false;
}
export function setSound(isOn: boolean): void {
  keep("local", "sound", isOn);
}

export function notifying(): Notifying {
  const wanted = recall<boolean | "missing">("local", "notify");
  if (!("Notification" in window) || wanted === "missing") return isSecureContext ? "missing" : "insecure";
  if (!isSecureContext) return "insecure";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && wanted !== false ? "on" : "off";
}
/** Somebody has clicked; the browser asks them if it has not yet. One is shown, so that they know what comes. */
export async function setNotifying(isOn: boolean): Promise<void> {
  if (isOn) await Notification.requestPermission();
  keep("local", "notify", isOn);
  if (notifying() === "on") makeNotification("Notifications are on", "This is what they look like.", "banter");
}
