import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { readOptions } from "../../server/options.ts";
import { startServer } from "../../server.ts";
import { PASSWORD, PATIENCE, run, temporaryFolder, writeAccounts } from "../kit/harness.ts";
import { HAS_TERMINAL, sit } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const PROGRAMS = ["server.ts", "client.ts", "users.ts", "backup.ts"];
const bun = (program: string, ...args: string[]) => run([process.execPath, program, ...args]);
/** What the system says, and `parseArgs`; no person should have to read it. */
const RAW = /\bE[A-Z]{3,}\b|argument missing|positional|ambiguous|Option '|illegal operation|\n./;

describe.each(PROGRAMS)("%s", (program) => {
  test("explains itself within 80 columns, on the output, and says its version", async () => {
    const asked = [["--help"], ["-h"], ["help"], ["--no-such", "-h"]];
    if (program === "users.ts") asked.push(["add", "--help"], ["help", "add"], ["role", "alice", "-h"]);
    const [help, ...others] = await Promise.all(asked.map((args) => bun(program, ...args)));
    for (const other of others) expect(other).toEqual(help!);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    const lines = help!.stdout.split("\n");
    expect(lines[0]).toStartWith(`Usage: bun ${program} `);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    for (const option of ["--version", "--help"])
      expect(lines.filter((line) => line.startsWith(`  ${option} `))).toHaveLength(1);
    expect(await bun(program, "--version")).toEqual({ code: 0, stdout: `Banter ${version}\n`, stderr: "" });
  });

  test("says in the same words as the others what it does not understand, and does nothing", async () => {
    using folder = temporaryFolder();
    const [value, mistyped] = program === "client.ts" ? ["--name", "--nmae"] : ["--data", "--dtaa"];
    const wrong: [string[], string][] = [
      [["--frobnicate"], "Unknown option --frobnicate."],
      [["-x"], "Unknown option -x."],
      [[mistyped!, "x"], `Unknown option ${mistyped}. Did you mean ${value}?`],
      [["--vresion"], "Unknown option --vresion. Did you mean --version?"],
      [[value!], `${value} needs a value.`],
      [[`${value}=`], `${value} needs a value.`],
      [[value!, "--frobnicate"], `${value} needs a value.`],
    ];
    if (program === "server.ts" || program === "backup.ts") wrong.push([["chat"], 'Unexpected argument "chat".']);
    for (const [args, sentence] of wrong)
      expect(await run([process.execPath, program, ...args], "", { BANTER_DATA: folder.path })).toEqual({
        code: 2,
        stdout: "",
        stderr: `${sentence} See bun ${program} --help\n`,
      });
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

test("a number below zero is a wrong number, and the environment is named where it is wrong", () => {
  const problem = (args: string[], env: Record<string, string> = {}) => {
    try {
      return readOptions(args, env);
    } catch (problem) {
      return (problem as Error).message;
    }
  };
  expect(problem(["--port", "-1"])).toBe('--port must be a whole number from 0 to 65535, not "-1".');
  expect(problem(["--rate=-3"])).toBe('--rate must be a whole number from 0 to 100000, not "-3".');
  expect(problem(["--tls=yes"])).toBe("--tls takes no value. See bun server.ts --help");
  expect(problem([], { BANTER_RATE: "fast" })).toBe('BANTER_RATE must be a whole number from 0 to 100000, not "fast".');
  expect(problem([], { BANTER_DATA: "" })).toBe("BANTER_DATA is empty. Give it a value, or unset it.");
  for (const yes of ["on", "yes", "1", "TRUE"])
    expect(problem([], { BANTER_LAN: yes })).toMatchObject({ lan: true, host: "0.0.0.0" });
  for (const no of ["off", "no", "0", "False", ""])
    expect(problem([], { BANTER_LAN: no })).toMatchObject({ lan: false });
  for (const name of ["BANTER_LAN", "BANTER_TLS", "BANTER_NO_WEB"])
    expect(problem([], { [name]: "maybe" })).toBe(`${name} must be yes or no, not "maybe".`);
});

test("a file where a folder belongs, a folder where a file belongs, and what is not there, are told in words", async () => {
  using folder = temporaryFolder();
  const [file, dir, none] = ["file", "dir", "none"].map((name) => join(folder.path, name)) as [string, string, string];
  await Bun.write(file, "");
  for (const name of [dir, join(dir, "backup-now"), join(dir, "logged")]) mkdirSync(name, { recursive: true });
  await Bun.write(join(dir, "logged", "log"), "");
  const server = ["server.ts", "--port", "0", "--no-web", "--data"];
  const client = ["client.ts", "--name", "alice", "--send", "bob"];
  const wrong: [string[], number, string][] = [
    [[...server, file], 4, `Cannot read ${join(file, "users.json")}: a part of its path is no folder.`],
    [
      [...server, join(dir, "logged")],
      4,
      `Cannot write ${join(dir, "logged", "log")}: there is something else of that name.`,
    ],
    [[...server, dir, "--tls-cert", dir, "--tls-key", file], 4, `Cannot read the certificate ${dir}: it is a folder.`],
    [
      [...server, dir, "--tls-cert", none, "--tls-key", file],
      4,
      `Cannot read the certificate ${none}: there is no such file.`,
    ],
    [
      ["users.ts", "list", "--data", file],
      4,
      `Cannot read ${join(file, "users.json")}: a part of its path is no folder.`,
    ],
    [["users.ts", "list", "--data", none], 4, `There is no folder ${none}.`],
    [["users.ts", "add", "alice", "--data", none], 4, `There is no folder ${none}.`],
    [["backup.ts", "--data", file], 1, `Cannot open ${join(file, "chat.db")}: a part of its path is no folder.`],
    [["backup.ts", "--data", none], 4, `There is no ${join(none, "chat.db")}.`],
    [[...client, "--password-file", none], 2, `Cannot read the password in ${none}: there is no such file.`],
    [[...client, "--password-file", dir], 2, `Cannot read the password in ${dir}: it is a folder.`],
    [
      [...client, "--password-file", join(file, "x")],
      2,
      `Cannot read the password in ${join(file, "x")}: a part of its path is no folder.`,
    ],
    [[...client, "--ca", dir], 2, `Cannot read the certificate ${dir}: it is a folder.`],
  ];
  for (const [[program, ...args], code, sentence] of wrong) {
    const told = await bun(program!, ...args);
    expect([args, told.code, told.stdout, told.stderr]).toEqual([args, code, "", expect.stringMatching(/^[A-Z].*\n$/)]);
    expect(told.stderr).toStartWith(sentence);
    expect(told.stderr).not.toMatch(RAW);
  }
  expect(existsSync(none)).toBeFalse();
});

test("chat and page cannot have the same port", async () => {
  using folder = temporaryFolder();
  const problem = await startServer({ port: 12399, webPort: 12399, data: folder.path }).catch((problem) => problem);
  expect([problem.exitCode, problem.message]).toEqual([
    2,
    expect.stringContaining("need two ports, not 12399 for both"),
  ]);
  expect(readdirSync(folder.path)).toEqual([]);
});

describe("bun users.ts", () => {
  test.each([
    [[], "Name a command: list, add, passwd, remove, role."],
    [["lsit"], "Unknown command lsit. Did you mean list?"],
    [["constructor", "alice"], "Unknown command constructor."],
    [["add"], "Type it like this: bun users.ts add NAME [--host]."],
    [["role", "alice"], "Type it like this: bun users.ts role NAME host|member."],
    [["passwd", "alice", "--host"], "--host goes with add only."],
  ])("%j", async (args, sentence) => {
    expect(await bun("users.ts", ...args)).toEqual({
      code: 2,
      stdout: "",
      stderr: `${sentence} See bun users.ts --help\n`,
    });
  });

  test.if(HAS_TERMINAL)("asks a person for a password twice, and shows neither", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    const file = join(folder.path, "users.json");
    const before = readFileSync(file, "utf8");
    const users = (...args: string[]) => sit([process.execPath, "users.ts", ...args, "--data", folder.path]);
    const type = async (seat: ReturnType<typeof users>, first: string, second: string) => {
      await seat.until("(typing is hidden):");
      seat.type(`${first}\r`);
      await seat.until("Type it again:");
      seat.type(`${second}\r`);
      const code = await seat.exited;
      expect(seat.output()).not.toContain(first);
      return code;
    };
    await using mistyped = users("add", "bob");
    expect(await type(mistyped, PASSWORD, `${PASSWORD}!`)).toBe(1);
    expect(mistyped.screen.text).toContain("The two passwords are not the same. Nothing was done.");
    expect(readFileSync(file, "utf8")).toBe(before);
    await using added = users("add", "bob");
    expect(await type(added, PASSWORD, PASSWORD)).toBe(0);
    expect(added.screen.text).toContain("bob can sign in.");
    await using changed = users("passwd", "alice");
    expect(await type(changed, "another-word-9", "another-word-9")).toBe(0);
    expect(changed.screen.text.replace(/\s+/g, " ")).toContain("alice has a new password; whoever was signed in");
    await using pasted = users("passwd", "bob");
    await pasted.until("(typing is hidden):");
    pasted.type("third-word-99\rthird-word-99\r"); // both at once
    expect(await pasted.exited).toBe(0);
    const hash = JSON.parse(readFileSync(file, "utf8")).bob.password;
    expect(await Bun.password.verify("third-word-99", hash)).toBeTrue();
  });
});

test("the data folder and log/ are private", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "a", "data");
  await (await startServer({ port: 0, webPort: false, data })).stop();
  for (const path of [join(folder.path, "a"), data, join(data, "log")])
    expect([path, statSync(path).mode & 0o777]).toEqual([path, 0o700]);
});
