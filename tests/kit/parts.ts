// parts.ts: a server's parts, wired as server.ts does it, where a test looks into them or puts another in the place of one.

import { join } from "node:path";
import { Admission } from "../../server/admission.ts";
import type { History } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { Listeners } from "../../server/listeners.ts";
import { openLog } from "../../server/log.ts";
import type { Balancers } from "../../server/proxying.ts";
import type { Services } from "../../server/services.ts";
import { wireServices } from "../../server/services.ts";
import { openUsers } from "../../server/signin.ts";
import type { Slices } from "../../server/slices.ts";
import { readLog, temporaryFolder, Wire, writeAccounts } from "./harness.ts";

export interface Parts extends AsyncDisposable {
  port: number;
  services: Services;
  admission: Admission;
  /** What its log says so far. */
  log(): string;
  /** A wire that speaks frames, not signed in. */
  wire(): Promise<Wire>;
  /** A wire that speaks frames, signed in and in `room`. */
  signedIn(user: string, room?: string): Promise<Wire>;
}

/** What is to be another than in a server. `history`: made from the real one. */
export interface Changes {
  history?: (history: History) => History;
  slices?: Slices;
  admission?: Admission;
  hash?: string; // of PASSWORD
  elapsed?: () => number; // ms
  balancers?: Balancers;
}

/** Opens a chat port in this process, with these accounts and no limit of messages a second. */
export function openParts(names: readonly string[], changes: Changes = {}): Parts {
  const folder = temporaryFolder();
  writeAccounts(folder.path, names, changes.hash);
  const stored = openHistory(join(folder.path, "chat.db"));
  const history = changes.history?.(stored) ?? stored;
  const log = openLog({ file: join(folder.path, "log", "app.log") });
  const { slices, admission = new Admission(1_000) } = changes;
  const given = {
    users: openUsers(folder.path),
    history,
    log,
    now: Date.now,
    elapsed: changes.elapsed ?? (() => performance.now()),
    rate: 0,
  };
  const services = wireServices(given, [], slices);
  const listeners = new Listeners({ host: "127.0.0.1", port: 0, webPort: false });
  listeners.serve({ services, admission, certificate: undefined, balancers: changes.balancers });
  const wires: Wire[] = [];
  const wire = async () => {
    const opened = await Wire.open(listeners.port);
    wires.push(opened);
    return opened;
  };
  return {
    port: listeners.port,
    services,
    admission,
    log: () => readLog(folder.path),
    wire,
    async signedIn(user, room) {
      const opened = await wire();
      await opened.login(user);
      if (room !== undefined) await opened.join(room);
      return opened;
    },
    async [Symbol.asyncDispose]() {
      for (const opened of wires) opened.reset();
      await admission.empty(1_000);
      listeners.stop();
      stored.close();
      log.close();
      folder[Symbol.dispose]();
    },
  };
}
