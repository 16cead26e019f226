// known.ts: the people and rooms somebody has met, for what they type next.

const MAX_NAMES = 500; // remembered

/** Who and what somebody has met, so that it need not be typed again. */
export class Known {
  people: string[] = []; // who spoke last comes first
  rooms: string[] = []; // that the server told of, with their #

  /** Somebody spoke, or was spoken to. */
  heard(name: string): void {
    this.people = [name, ...this.people.filter((one) => one !== name)].slice(0, MAX_NAMES);
  }
  /** Somebody is here. */
  met(names: readonly string[], self: string): void {
    const all = new Set([...this.people, ...names.slice(0, MAX_NAMES)]);
    all.delete(self);
    this.people = [...all].slice(0, MAX_NAMES);
  }
}
