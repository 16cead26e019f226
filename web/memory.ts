// memory.ts: what the browser remembers: on this device (`local`) or in this tab, over a reload (`session`). A browser
// that remembers nothing, as in some private windows, only costs convenience.

/** Who is signed in. */
export interface Account {
  user: string;
  token: string;
}

/** What was kept under a name, or `undefined`. */
export function recall<T>(where: "local" | "session", name: string): T | undefined {
  try {
    return JSON.parse(window[`${where}Storage`].getItem(`banter.${name}`) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a value under a name; `undefined` forgets it. */
export function keep(where: "local" | "session", name: string, value: unknown): void {
  try {
    if (value === undefined) window[`${where}Storage`].removeItem(`banter.${name}`);
    else window[`${where}Storage`].setItem(`banter.${name}`, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden; nothing that is kept here is the only copy of something stored.
  }
}

/** Forgets what was kept for somebody: under names that end with theirs. */
export function forget(user: string): void {
  for (const where of ["local", "session"] as const)
    try {
      const names = Object.keys(window[`${where}Storage`]).map((key) => /^banter\.(\w+\.(.+))$/.exec(key));
      for (const name of names) if (name?.[2] === user) keep(where, name[1]!, undefined);
    } catch {
      // Nothing is kept here.
    }
}

/** Calls `changed` whenever another tab has kept something else under a name on this device. */
export function watch<T>(name: string, changed: (value: T | undefined) => void): void {
  window.addEventListener("storage", ({ key }) => {
    if (key === `banter.${name}`) changed(recall<T>("local", name));
  });
}
