// ids.ts: the ids of one connection's requests: none that its account has ever had. What is said is counted in each conversation by
// itself: a server keeps numbers that go on without a gap there as one entry.

import type { Request } from "../protocol.ts";
import { isRoom } from "./names.ts";

export class Ids {
  readonly #prefix = crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36);
  readonly #counters = new Map<string, { prefix: string; last: number }>();

  next(request: Request): string {
    // Whatever is said to people is answered in the inbox of who says it.
    const counted = request.type !== "say" ? "" : isRoom(request.to) ? request.to : "@";
    let counter = this.#counters.get(counted);
    if (counter === undefined) {
      counter = { prefix: `${this.#prefix}.${this.#counters.size}`, last: 0 };
      this.#counters.set(counted, counter);
    }
    return `${counter.prefix}-${++counter.last}`;
  }
}
