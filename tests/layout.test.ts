import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { PATIENCE, REPOSITORY } from "./harness.ts";

setDefaultTimeout(PATIENCE);

/** Which of our files each role may import. A row may only name rows above it, so nothing points upwards or in a circle.
 *  A new file is a new role: give it a row here and in the README. */
const MAY_IMPORT: Record<string, string[]> = {
  // what both sides speak
  "protocol.ts": [],
  "commands.ts": ["protocol.ts"],
  "lines.ts": ["protocol.ts"],
  "outbox.ts": [],
  // the server
  "log.ts": [],
  "tls.ts": [],
  "keepalive.ts": [],
  "rates.ts": ["protocol.ts"],
  "accounts.ts": ["protocol.ts"],
  "passwords.ts": ["protocol.ts"],
  "history.ts": ["protocol.ts"],
  "users.ts": ["protocol.ts", "accounts.ts", "passwords.ts"],
  "delivery.ts": ["protocol.ts", "commands.ts"],
  "pipeline.ts": ["protocol.ts", "history.ts", "delivery.ts"],
  "rooms.ts": ["protocol.ts", "history.ts", "delivery.ts", "pipeline.ts"],
  "requests.ts": ["protocol.ts", "log.ts", "users.ts", "delivery.ts", "pipeline.ts", "rooms.ts"],
  "session.ts": ["protocol.ts", "commands.ts", "rates.ts", "delivery.ts", "pipeline.ts", "requests.ts"],
  "door.ts": ["protocol.ts", "requests.ts", "session.ts"],
  "tcp.ts": [
    ...["protocol.ts", "lines.ts", "outbox.ts", "tls.ts", "keepalive.ts"],
    ...["delivery.ts", "session.ts", "door.ts"],
  ],
  "websocket.ts": ["protocol.ts", "outbox.ts", "delivery.ts", "requests.ts", "session.ts", "door.ts"],
  "assets.ts": [],
  "web.ts": ["protocol.ts", "tls.ts", "requests.ts", "door.ts", "assets.ts", "websocket.ts"],
  "backup.ts": ["log.ts", "history.ts"],
  "options.ts": ["commands.ts", "log.ts", "tls.ts"],
  "server.ts": [
    ...["log.ts", "tls.ts", "history.ts", "users.ts", "rooms.ts", "requests.ts"],
    ...["door.ts", "tcp.ts", "web.ts", "backup.ts", "options.ts"],
  ],
  // the client
  "trust.ts": [],
  "link.ts": ["protocol.ts", "lines.ts", "outbox.ts"],
  "feed.ts": ["protocol.ts"],
  "unanswered.ts": ["protocol.ts"],
  "connection.ts": ["protocol.ts", "link.ts", "feed.ts", "unanswered.ts"],
  "editor.ts": [],
  "rows.ts": [],
  "terminal.ts": ["editor.ts", "rows.ts"],
  "plain.ts": ["terminal.ts"],
  "display.ts": ["protocol.ts", "commands.ts"],
  "completion.ts": ["commands.ts"],
  "tabs.ts": ["protocol.ts"],
  "pipe.ts": ["protocol.ts", "link.ts", "connection.ts"],
  "signin.ts": ["protocol.ts", "trust.ts", "link.ts", "connection.ts", "terminal.ts", "display.ts"],
  "turns.ts": ["protocol.ts", "commands.ts"],
  "chat.ts": [
    ...["protocol.ts", "commands.ts", "connection.ts"],
    ...["editor.ts", "terminal.ts", "display.ts", "completion.ts", "tabs.ts", "turns.ts"],
  ],
  "client.ts": [
    ...["protocol.ts", "commands.ts", "trust.ts", "link.ts", "connection.ts", "terminal.ts"],
    ...["plain.ts", "display.ts", "pipe.ts", "signin.ts", "chat.ts"],
  ],
};
const PAGE_MAY_IMPORT = ["protocol.ts", "commands.ts", "unanswered.ts"]; // and each other

const read = (file: string) => readFileSync(join(REPOSITORY, file), "utf8");
const scripts = (folder: string) =>
  readdirSync(join(REPOSITORY, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
const roles = scripts(".");

/** What a file imports, as it is written: types too, for what they describe is what it depends on. */
function imports(file: string): string[] {
  const found = read(file).matchAll(
    /^\s*(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return Array.from(found, ([, from, bare, dynamic]) => from ?? bare ?? dynamic!);
}
/** Those of them that are our own files, as seen from the top folder. */
function ours(file: string): string[] {
  const local = imports(file).filter((name) => name.startsWith("."));
  return local.map((name) => relative(REPOSITORY, join(REPOSITORY, dirname(file), name)));
}

test("the reader of imports misses none", () => {
  for (const file of roles) {
    const words = read(file).match(/^(import|export \{[^}]*\} from|export \* from)\b/gm) ?? [];
    expect([file, imports(file).length]).toEqual([file, words.length]);
  }
});

test("every file has a row in the table, and every row a file", () => {
  expect(roles.toSorted()).toEqual(Object.keys(MAY_IMPORT).toSorted());
});

test("the table itself points one way", () => {
  const above = new Set<string>();
  for (const [file, allowed] of Object.entries(MAY_IMPORT)) {
    for (const name of allowed) expect([file, name, above.has(name)]).toEqual([file, name, true]);
    above.add(file);
  }
});

test.each(roles)("%s imports what its row allows", (file) => {
  expect(ours(file).filter((name) => !MAY_IMPORT[file]?.includes(name))).toEqual([]);
});

test("nothing is imported that does not come with Bun", () => {
  for (const file of [...roles, ...scripts("web")])
    for (const name of imports(file)) expect([file, name]).toEqual([file, expect.stringMatching(/^(\.|node:|bun:)/)]);
});

describe("what the browser runs", () => {
  const page = scripts("web");

  test("the page imports only itself and what both sides share", () => {
    for (const file of page)
      expect([file, ours(file).filter((name) => !page.includes(name) && !PAGE_MAY_IMPORT.includes(name))]).toEqual([
        file,
        [],
      ]);
  });

  test.each([...PAGE_MAY_IMPORT, ...page])("%s needs neither Bun nor Node", (file) => {
    const code = read(file).replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
    expect(code.match(/\bBun\.|\bnode:|\bbun:|\bBuffer\b|\bprocess\.|\bsetImmediate\b/g)).toBeNull();
  });
});

test.each(roles)("%s opens with what it does, in at most eight lines", (file) => {
  const lines = read(file).split("\n");
  const length = lines.findIndex((line) => !line.startsWith("//"));
  expect(length).toBeWithin(1, 9);
  expect(lines[0]).toStartWith(`// ${file}: `);
});
