import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE, REPOSITORY, run, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const read = (file: string) => Bun.file(join(REPOSITORY, file)).text();
const dockerfile = await read("Dockerfile");
const compose = Bun.YAML.parse(await read("compose.yaml")) as any;
const unit = await read("deploy/banter.service");
const version = /npx --yes bun@([\d.]+) server\.ts/.exec(await read("README.md"))![1]!;

/** The values of an instruction in the Dockerfile. */
function instructions(name: string): string[] {
  return Array.from(dockerfile.matchAll(new RegExp(`^${name} (.*)$`, "gm")), ([, value]) => value!);
}
const environment = Object.fromEntries(
  instructions("ENV").flatMap((line) => line.split(" ").map((pair) => pair.split("=") as [string, string])),
);
const healthCheck: string[] = JSON.parse(/CMD (\[.*\])$/.exec(instructions("HEALTHCHECK")[0]!)![1]!);

/** Puts what the image is made of into `folder`, and nothing else. */
async function copyIntoImage(folder: string): Promise<void> {
  const kept = (await read(".dockerignore")).match(/^!.*$/gm)!.map((line) => new Bun.Glob(line.slice(1)));
  for (const line of instructions("COPY")) {
    const [target, ...sources] = line.split(" ").reverse() as [string, ...string[]];
    for (const source of sources) {
      const found = readdirSync(REPOSITORY).filter((name) => new Bun.Glob(source).match(name));
      expect([source, found.length > 0]).toEqual([source, true]);
      expect(found.filter((name) => !kept.some((glob) => glob.match(name)))).toEqual([]);
      for (const name of found)
        cpSync(join(REPOSITORY, name), target === "./" ? join(folder, name) : join(folder, target), {
          recursive: true,
        });
    }
  }
}

test("the image holds all the server needs, its health check finds it well, and it stops when told to", async () => {
  using folder = temporaryFolder();
  const [app, data] = [join(folder.path, "app"), join(folder.path, "data")];
  mkdirSync(app);
  await copyIntoImage(app);
  expect(existsSync(join(app, "tests"))).toBeFalse();
  const command: string[] = JSON.parse(instructions("ENTRYPOINT")[0]!);
  await using server = Bun.spawn([process.execPath, ...command.slice(1), "--port", "0"], {
    cwd: app,
    env: { PATH: process.env.PATH, ...environment, BANTER_HOST: "127.0.0.1", BANTER_DATA: data },
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  for await (const chunk of server.stdout) if ((said += Buffer.from(chunk)).includes("Stop:")) break;
  const page = /Page listening \S+:(\d+)/.exec(said)![1]!;

  expect(await fetch(`http://localhost:${page}/page.js`)).toMatchObject({ status: 200 });
  const asked = healthCheck.slice(1).map((part) => part.replace("12346", page));
  expect(await run([process.execPath, ...asked])).toMatchObject({ code: 0 });
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect((await run([process.execPath, ...asked])).code).not.toBe(0);
  expect(readdirSync(data)).toContain("chat.db");
  expect(readdirSync(app)).not.toContain("log");
  for (const program of ["backup.ts", "users.ts"])
    expect(
      (await run([process.execPath, join(app, program), ...(program === "users.ts" ? ["list"] : []), "--data", data]))
        .code,
    ).toBe(0);
});

test("Dockerfile, compose.yaml and the unit agree with the server and with each other", async () => {
  const { stdout: help } = await run([process.execPath, "server.ts", "--help"]);
  const ports = ["--port", "--web-port"].map((option) => new RegExp(`^ +${option} N.*?(\\d{5})`, "m").exec(help)![1]!);
  const service = compose.services.banter;

  expect(instructions("FROM")).toEqual([`oven/bun:${version}`]);
  expect(instructions("USER")).toEqual(["bun"]);
  expect(instructions("EXPOSE")[0]!.split(" ")).toEqual(ports);
  expect(service.ports).toEqual(ports.map((port) => `${port}:${port}`));
  expect(healthCheck.join(" ")).toContain(`localhost:${ports[1]}/healthz`);
  expect(instructions("VOLUME")).toEqual([environment.BANTER_DATA!]);
  expect(service.volumes).toEqual([`banter:${environment.BANTER_DATA}`]);
  expect(compose.volumes).toHaveProperty("banter");

  const drain = Number(/const DRAIN = ([\d_]+);/.exec(await read("server.ts"))![1]!.replace("_", "")) / 1000; // s
  expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(drain);
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)![1])).toBeGreaterThan(drain);
  const state = /^StateDirectory=(\w+)$/m.exec(unit)![1];
  expect(unit).toContain(`BANTER_DATA=/var/lib/${state}`);
});

test.if(has("systemd-analyze"))("systemd takes the unit and finds little exposed", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "banter.service");
  // Its program and its account are not on every machine.
  writeFileSync(file, unit.replace("/usr/local/bin/bun", process.execPath).replace(/^User=.*$/m, "User=root"));
  const { code, stdout, stderr } = await run(["systemd-analyze", "verify", "--man=no", file]);
  expect([code, stdout + stderr]).toEqual([0, ""]);
  expect(await run(["systemd-analyze", "security", "--offline=true", "--threshold=20", file])).toMatchObject({
    code: 0,
  });
});
