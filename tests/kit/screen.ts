// screen.ts: a real, headless Chromium as a test's hands and eyes: Bun's own WebView, nothing to install but the browser.
// Nothing here waits for a time: the page itself announces when something has become true. The browser ends with the tests.

import { PASSWORD } from "./harness.ts";
import { load } from "./needs.ts";

/** The browser's program, as it is called here. */
export const BROWSER =
  ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"].find(
    (name) => Bun.which(name) !== null,
  ) ?? "chromium";
const path = Bun.which(BROWSER) ?? "";
const axe = await load<typeof import("axe-core")>("axe-core");

export interface Shape {
  width?: number; // px
  height?: number;
  phone?: boolean; // touch, no mouse
  dark?: boolean;
}

/** One tab. */
export class Screen implements Disposable {
  readonly #view: Bun.WebView;
  /** What the browser complained about: exceptions, errors on the console, violations of the policy, dialogs. */
  readonly complaints: string[] = [];
  /** How often the browser asked whether to leave the page; the answer is yes. */
  asked = 0;

  private constructor(view: Bun.WebView) {
    this.#view = view;
  }

  static async open(url: string, shape: Shape = {}): Promise<Screen> {
    const { width = 1200, height = 800, phone = false, dark = false } = shape;
    const argv = ["--no-sandbox", "--disable-quic", "--disable-background-networking"];
    argv.push("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=en-US");
    argv.push("--host-resolver-rules=MAP teacher-pc 127.0.0.1, MAP evil.example 127.0.0.1");
    const view = new Bun.WebView({ width, height, backend: { type: "chrome", url: false, path, argv } });
    const screen = new Screen(view);
    await view.navigate("about:blank");
    const watch = (type: `${string}.${string}`, describe: (data: any) => string | undefined) =>
      view.addEventListener(type, (event: unknown) => {
        const complaint = describe((event as { data: unknown }).data);
        if (complaint !== undefined) screen.complaints.push(complaint);
      });
    watch("Runtime.exceptionThrown", ({ exceptionDetails: { exception, text } }) => exception?.description ?? text);
    watch("Runtime.consoleAPICalled", ({ type, args }) => (type === "error" ? JSON.stringify(args) : undefined));
    const isUnplugged = (text: string) => text.includes("ERR_INTERNET_DISCONNECTED"); // what `unplug` is for
    watch("Log.entryAdded", ({ entry: { level, text } }) =>
      level === "error" && !isUnplugged(text) ? text : undefined,
    );
    watch("Page.javascriptDialogOpening", ({ type, message }) => {
      if (type !== "beforeunload") return `dialog: ${message}`;
      screen.asked++;
      void view.cdp("Page.handleJavaScriptDialog", { accept: true });
      return undefined;
    });
    for (const domain of ["Runtime", "Log", "Page", "Network"]) await view.cdp(`${domain}.enable`);
    await view.cdp("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: phone });
    await view.cdp("Emulation.setTouchEmulationEnabled", { enabled: phone });
    const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
    await view.cdp("Emulation.setEmulatedMedia", { features });
    await view.navigate(url);
    return screen;
  }

  /** What an expression is worth in the page. */
  read<T = unknown>(expression: string): Promise<T> {
    return this.#view.evaluate<T>(expression);
  }
  /** Resolves when an expression has become true; the page looks again whenever anything in it changes, scrolls or gets the focus. */
  async until(expression: string): Promise<void> {
    const changes = "{ subtree: true, childList: true, attributes: true, characterData: true }";
    const waiting = `new Promise((resolve) => {
      const look = () => { if (!(${expression})) return; observer.disconnect(); for (const type of ["scroll", "focusin"]) removeEventListener(type, look, true); resolve(true); };
      const observer = new MutationObserver(look);
      observer.observe(document, ${changes});
      for (const type of ["scroll", "focusin"]) addEventListener(type, look, true);
      look();
    })`;
    for (let done = false; !done;)
      done = await this.read<boolean>(waiting).catch((problem: Error) => {
        if (!problem.message.includes("navigated")) throw problem;
        return false; // the page went to another one meanwhile: look there
      });
  }
  /** Resolves when the text of something contains this. */
  see(text: string, where = "#chat"): Promise<void> {
    return this.until(`document.querySelector(${JSON.stringify(where)})?.innerText.includes(${JSON.stringify(text)})`);
  }
  /** The texts of all that match. */
  texts(selector: string): Promise<string[]> {
    return this.read(
      `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (one) => one.innerText.trim())`,
    );
  }

  click(selector: string): Promise<void> {
    return this.#view.click(selector);
  }
  type(text: string): Promise<void> {
    return this.#view.type(text);
  }
  press(key: string, ...modifiers: Bun.WebView.Modifier[]): Promise<void> {
    return this.#view.press(key, { modifiers });
  }
  /** Presses a button by the keyboard: the first one with these words, as soon as it is there. */
  async push(words: string, where = "body"): Promise<void> {
    const found = `Array.from(document.querySelectorAll(${JSON.stringify(where + " button")})).find((one) => one.innerText === ${JSON.stringify(words)} && one.checkVisibility())`;
    await this.until(`${found} !== undefined`);
    await this.read(`${found}.focus()`);
    await this.press("Enter");
  }
  /** Writes into the composer and sends. */
  async say(text: string): Promise<void> {
    await this.read("document.getElementById('draft').focus()");
    await this.type(text);
    await this.press("Enter");
  }
  /** Types something, so that what the page loads at the first letter is there. */
  async typeFirst(): Promise<void> {
    await this.read("document.getElementById('draft').focus()");
    await this.type("/");
    await this.until("!document.getElementById('suggestions').hidden");
    await this.press("Backspace");
  }
  async signIn(user: string, password: string, button = "#sign-in .primary"): Promise<void> {
    await this.until("document.activeElement.id === 'name'");
    await this.type(user);
    await this.click("#password");
    await this.type(password);
    await this.click(button);
  }
  /** Opens a room or a person from the lists. */
  async open(name: string): Promise<void> {
    const list = name.startsWith("#") ? "rooms" : "people";
    const button = `Array.from(document.querySelectorAll("#${list} .name")).find((one) => one.textContent === ${JSON.stringify(name)})`;
    await this.until(`${button} !== undefined`);
    await this.read(`void ${button}.closest("button").click()`);
    await this.until(`document.getElementById("title").textContent === ${JSON.stringify(name)}`);
  }
  /** Scrolls to the top, again when what arrives moves it away, until a message has come in there. */
  scrollUpTo(text: string): Promise<void> {
    const here = `Array.from(document.querySelectorAll("#log .text"), (one) => one.innerText).includes(${JSON.stringify(text)})`;
    return this.until(`${here} || ((document.getElementById("scroll").scrollTop = 0), false)`);
  }
  /** What axe-core finds wrong with the page, or a part of it, as it is now: its rule, and the element. */
  async audit(where = "html"): Promise<string[]> {
    await this.cdp("Runtime.evaluate", { expression: axe!.source }); // the page's policy lets no other script in
    return this.read(`axe.run("${where}", { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(" "))))`);
  }
  /** Takes the network away, so that every try to come back fails, until the page says so: it says it for less than a second. */
  async unplug(): Promise<void> {
    await Promise.all([this.see("This device is offline. Not connected since", "#banner"), this.#network(false)]);
  }
  /** Gives the network back, until the page says this, which it does for five seconds. */
  async plug(said: string): Promise<void> {
    await Promise.all([this.see(said, "#banner"), this.#network(true)]);
  }
  #network(isThere: boolean): Promise<unknown> {
    const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    return this.cdp("Network.emulateNetworkConditions", { offline: !isThere, ...unlimited });
  }
  /** How long each task of the page took while something was done, in ms of a processor: what else this machine does is not in it. */
  async tasks(work: () => Promise<unknown>): Promise<number[]> {
    const events: { name: string; tid: number; tdur?: number; args: { name?: string } }[] = [];
    const { promise: complete, resolve } = Promise.withResolvers<void>();
    const take = (event: unknown) => void events.push(...(event as { data: { value: typeof events } }).data.value);
    const listeners = { "Tracing.dataCollected": take, "Tracing.tracingComplete": () => resolve() } as const;
    for (const [type, listener] of Object.entries(listeners))
      this.#view.addEventListener(type as keyof typeof listeners, listener);
    const includedCategories = ["disabled-by-default-devtools.timeline", "__metadata"];
    await this.cdp("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories } });
    await work();
    await this.cdp("Tracing.end");
    await complete;
    for (const [type, listener] of Object.entries(listeners))
      this.#view.removeEventListener(type as keyof typeof listeners, listener);
    const isPage = ({ name, args }: (typeof events)[number]) =>
      name === "thread_name" && args.name === "CrRendererMain";
    const threads = new Set(events.filter(isPage).map(({ tid }) => tid));
    const tasks = events.filter(({ name, tid }) => name === "RunTask" && threads.has(tid));
    return tasks.map(({ tdur = 0 }) => tdur / 1000);
  }
  cdp<T>(method: string, params: Record<string, unknown> = {}): Promise<T> {
    return this.#view.cdp<T>(method, params);
  }
  async reload(): Promise<void> {
    const loaded = "document.readyState === 'complete' ? resolve(true) : addEventListener('load', () => resolve(true))";
    await this.read(`new Promise((resolve) => ${loaded})`); // a page that is still coming would take this for its end
    await this.#view.navigate(this.#view.url); // the tab's storage stays, as with the button
  }
  async picture(): Promise<Uint8Array> {
    return (await this.#view.screenshot()).bytes();
  }
  [Symbol.dispose](): void {
    this.#view.close();
  }
}

/** A page of this server with somebody signed in. */
export async function enter(chat: { webPort: number }, user: string, shape?: Shape): Promise<Screen> {
  const screen = await Screen.open(`http://localhost:${chat.webPort}/`, shape);
  await screen.signIn(user, PASSWORD);
  await screen.until("document.title.includes('#lobby')");
  await screen.until("document.querySelector('#here').textContent !== '0 here'");
  return screen;
}
