import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { COMMANDS } from "../../shared/commands.ts";
import { ERRORS, LIMITS, MAX_MESSAGE_LENGTH } from "../../protocol.ts";
import { RULES } from "../../server/requests.ts";
import { PATIENCE, REPOSITORY, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const document = await Bun.file(join(REPOSITORY, "docs/PROTOCOL.md")).text();
const source = await Bun.file(join(REPOSITORY, "protocol.ts")).text();

/** The rows of the tables under this heading: their cells, without the quotes of code. */
function rows(heading: string): string[][] {
  const section = document.split(/^## /m).find((part) => part.startsWith(heading + "\n"))!;
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}
/** The field names that protocol.ts declares from `start` to `end`. */
function fields(start: string, end: string): Set<string> {
  const part = source.slice(source.indexOf(start), source.indexOf(end));
  return new Set(Array.from(part.matchAll(/(?:^ {2,4}|[{;] )(\w+)\??:/gm), ([, name]) => name!));
}

test("the document has every verb and no other, each with its fields", () => {
  const table = new Map(rows("Requests").map(([verb = "", names = ""]) => [verb, names]));
  expect([...table.keys()].filter((verb) => verb !== "type" && !verb.startsWith("-")).sort()).toEqual(
    Object.keys(RULES).sort(),
  );
  const declared = fields("export type Request", "export type Verb");
  expect(declared.size).toBeGreaterThan(10);
  const named = [...table.values()].join(" ");
  const missing = [...declared].filter(
    (name) => !["type", "id"].includes(name) && !new RegExp(`\\b${name}\\b`).test(named),
  );
  expect(missing).toEqual([]);
});

test("the document has every kind of event and every field of one", () => {
  const table = rows("Events").flat().join(" ");
  const kinds = source.slice(source.indexOf("export interface Message"), source.indexOf("// ---- refusals"));
  const types = Array.from(kinds.matchAll(/type: ((?:"\w+"(?: \| )?)+)/g), ([, names]) => names!.match(/\w+/g)!).flat();
  expect(types.sort()).toEqual(["error", "hosts", "joined", "left", "message", "notice", "ok", "ping", "seen"]);
  const declared = fields("export interface Message", "// ---- refusals");
  expect(declared.size).toBeGreaterThan(14);
  expect([...types, ...declared].filter((name) => name !== "type" && !new RegExp(`\\b${name}\\b`).test(table))).toEqual(
    [],
  );
});

test("the document has every code with its sentence, and no other", () => {
  const table = rows("Errors").slice(2);
  expect(Object.fromEntries(table.map(([code, sentence]) => [code, sentence]))).toEqual({ ...ERRORS });
  expect(table.every(([, , todo]) => todo!.length > 0)).toBeTrue();
});

test("the document has every limit with its number", () => {
  const figure = (limit: number | { min: number; max: number }) =>
    typeof limit === "number" ? limit.toLocaleString("en") : `${limit.min} to ${limit.max}`;
  const limits = { ...LIMITS, MAX_MESSAGE_LENGTH };
  const expected = Object.entries(limits).map(([name, limit]) => [name, figure(limit)] as const);
  const table = rows("Limits and rates").slice(2);
  expect(table.map(([name]) => name).sort()).toEqual(expected.map(([name]) => name).sort());
  for (const [name, number] of expected) expect(table.find((row) => row[0] === name)![1]).toStartWith(number + " ");
});

test("the document has every command", () => {
  const listed = COMMANDS.filter(({ when }) => when !== "signed out").flatMap(({ names }) => names);
  const cells = rows("Text sessions")
    .map(([first]) => first)
    .join(" ");
  expect(listed.filter((name) => !cells.includes(`/${name}`))).toEqual([]);
});

test("the session in the document is what a server says, line for line", async () => {
  await using chat = await startTestServer(["bob"]);
  const wire = await chat.wire();
  const part = document.split(/^## /m).find((text) => text.startsWith("A whole session"))!;
  const lines = part.split("\n").filter((line) => /^[→←] /.test(line));
  expect(lines.length).toBeGreaterThan(25);
  for (const line of lines) {
    const told = line.slice(2);
    if (line.startsWith("→")) wire.type(told);
    else if (told.startsWith("*")) expect(await wire.line()).toBe(told);
    else expect(comparable(await wire.line())).toEqual(comparable(told));
  }
  await wire.ended;
});

/** A frame without what is never the same twice: times, tokens and epochs. */
function comparable(line: string): unknown {
  return JSON.parse(line, (key, value) => (["at", "token", "epoch"].includes(key) ? typeof value : value));
}
