// board.ts: what a client knows of what hosts have set: who they are, what holds for all and in the rooms that it is in, and whether this
// account is muted. Takes events in, and shows nothing.

import type { Message, Setting } from "../protocol.ts";
import type { ClientEvent } from "./feed.ts";
import { isRoom } from "./names.ts";
import type { Key } from "./settings.ts";
import { ALL, endOf, Settings } from "./settings.ts";

/** Why nothing can be written somewhere: `lock`: only hosts write there; `mute`: this account writes to hosts only. */
export interface Closed {
  key: "lock" | "mute" | "private";
  by: string;
  until: number; // ms since 1970; Infinity without an end
}

export class Board {
  readonly #user: string;
  readonly #settings = new Settings();
  #hosts: readonly string[] = [];

  constructor(user: string) {
    this.#user = user;
  }

  get hosts(): readonly string[] {
    return this.#hosts;
  }
  isHost(user: string): boolean {
    return this.#hosts.includes(user);
  }

  /** Takes an event in; whether it may have changed something here. */
  take(event: ClientEvent): boolean {
    switch (event.type) {
      case "inbox": {
        const isOwn = ({ key }: Setting) => key === "mute";
        this.#hosts = event.hosts;
        this.#settings.replace(
          ALL,
          event.settings.filter((setting) => !isOwn(setting)),
        );
        this.#settings.replace(`@${this.#user}`, event.settings.filter(isOwn));
        return true;
      }
      case "entered":
        this.#settings.replace(event.to, event.settings);
        return true;
      case "hosts":
        this.#hosts = event.users;
        return true;
      case "message":
        return this.#heard(event);
      default:
        return false;
    }
  }
  /** What was set before one came is in what one is told then; an act that is replayed says it again, in its order. */
  #heard(message: Message): boolean {
    this.#settings.apply(message);
    return message.act === "set";
  }

  /** Why this account can write nothing to a room or a person now; `undefined` if it can. `now` in ms since 1970. */
  whyClosed(to: string, now: number): Closed | undefined {
    if (this.isHost(this.#user) || to === this.#user) return undefined;
    if (!isRoom(to) && this.isHost(to)) return this.#value("private") === "off" ? this.#private() : undefined;
    if (!isRoom(to) && this.#value("private") !== undefined) return this.#private();
    const locks: [string, "lock" | "mute"][] = [
      [ALL, "lock"],
      [to, "lock"],
      [`@${this.#user}`, "mute"],
    ];
    for (const [place, key] of locks) {
      const setting = this.#settings.get(place, key);
      const until = endOf(setting?.value, now);
      if (setting !== undefined && until !== undefined) return { key, by: setting.by, until };
    }
    return undefined;
  }
  #private(): Closed {
    return { key: "private", by: this.#settings.get(ALL, "private")!.by, until: Infinity };
  }
  #value(key: Key): string | undefined {
    return this.#settings.get(ALL, key)?.value;
  }

  /** What is set in a room, or for the whole server ("*"). */
  settings(place: string): Setting[] {
    return this.#settings.all(place);
  }
  /** What hosts want everybody to read. */
  get announcement(): Setting | undefined {
    return this.#settings.get(ALL, "announce");
  }
  topic(room: string): string {
    return this.#settings.get(room, "topic")?.value ?? "";
  }
}
