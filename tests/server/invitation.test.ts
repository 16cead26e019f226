import { expect, setDefaultTimeout, test } from "bun:test";
import { joinLines } from "../../server/invitation.ts";
import { projectorPage } from "../../server/page.ts";
import { cannotListen } from "../../server/startup.ts";
import { PATIENCE, spawnServer, temporaryFolder } from "../kit/harness.ts";
import { works } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const server = { host: "0.0.0.0", port: 12345, webPort: 12346, fingerprint: undefined };
const NOBODY = "This computer is in no network: nobody else can join. Join the Wi-Fi, or plug in a cable";

test("in a network everybody is told each address; in none, what to do, and how this computer joins", () => {
  expect(joinLines(server, true, ["192.168.1.20", "10.0.0.7"]).split("\n")).toEqual([
    "Join with: bun client.ts 192.168.1.20    or: nc 192.168.1.20 12345",
    "Join with: bun client.ts 10.0.0.7    or: nc 10.0.0.7 12345",
    "In a browser: http://192.168.1.20:12346    (projector: http://192.168.1.20:12346/join)",
    "In a browser: http://10.0.0.7:12346    (projector: http://10.0.0.7:12346/join)",
    "",
  ]);
  expect(joinLines({ ...server, host: "localhost" }, false, [])).not.toContain(NOBODY);
  expect(joinLines(server, true, []).split("\n")).toEqual([
    "Join with: bun client.ts localhost    or: nc localhost 12345",
    "In a browser: http://localhost:12346    (projector: http://localhost:12346/join)",
    `${NOBODY}.`,
    "Then http://localhost:12346/join says how.",
    "",
  ]);
  expect(joinLines({ ...server, webPort: undefined }, true, [])).toEndWith(`${NOBODY}.\nThen start again.\n`);
});

test("the projector's page says the same, and speaks of --lan only to who did not use it", () => {
  expect(projectorPage([])).toContain(NOBODY);
  expect(projectorPage([])).not.toContain("<ul>");
  expect(projectorPage([])).not.toContain("--lan");
  for (const alone of ["http://localhost:12346", "https://127.0.0.1:12346"])
    expect(projectorPage([alone])).toContain("<code>--lan</code>");
  expect(projectorPage(["http://192.168.1.20:12346"])).toContain("Nothing to install");
});

test("an address of another computer is told with this one's, however many there are", () => {
  const told = (lan: string[]) =>
    cannotListen({ code: "EADDRNOTAVAIL" }, { host: "10.9.9.9", port: 1, option: "--port" }, lan).message;
  expect(told([])).toBe("10.9.9.9 is not an address of this computer. Its addresses: localhost");
  expect(told(["192.168.1.20"])).toEndWith("Its addresses: localhost, 192.168.1.20");
});

const offline = ["unshare", process.getuid?.() === 0 ? "-n" : "-rn"];
test.if(works(offline[0]!, ...offline.slice(1), "true"))("a server in no network says so, and listens", async () => {
  using folder = temporaryFolder();
  await using lan = await spawnServer(folder.path, ["--lan"], offline);
  while (!lan.output().includes("Stop:")) await new Promise(setImmediate);
  expect(lan.output()).toContain(`${NOBODY}.\nThen http://localhost:${lan.webPort}/join says how.\n`);
});
