// saving.ts: the dialog that saves the conversation that is open as a file: all of it, whatever is loaded. Keeps nothing.

import type { Message, Ok, RequestOf } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { readAll } from "./archive.ts";
import { element } from "./dom.ts";
import { makeButton, makeDialog } from "./keys.ts";
import type { Format } from "./transcript.ts";
import { fileName, transcribe } from "./transcript.ts";

/** Asks for messages, however often the connection is lost before the answer; `undefined` when that is refused. */
type Ask = (request: RequestOf<"history">) => Promise<Ok | undefined>;

const ABOUT =
  "One file with all messages from the first one on, and what hosts did. What was removed stays removed. Times are those of";

export class Saving {
  readonly #said = element("span");
  readonly #count = element("span");
  readonly #close = makeButton("Close", () => this.#dialog.close());
  readonly #forms = [
    makeButton("As a page (HTML)", () => void this.#save("html")),
    makeButton("As text", () => void this.#save("txt")),
  ];
  readonly #dialog: HTMLDialogElement;
  readonly #user: string;
  readonly #ask: Ask;
  readonly #zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  #name = "";
  #isOnline = true;
  #run: object | undefined; // what reads now; it ends when this is something else
  #url = ""; // of the last file

  constructor(user: string, ask: Ask) {
    this.#user = user;
    this.#ask = ask;
    this.#said.id = "saving-said";
    this.#said.role = "status";
    this.#count.id = "saving-count";
    this.#count.ariaHidden = "true";
    this.#close.id = "saving-close";
    this.#forms[0]!.className = "primary";
    const about = `${ABOUT} ${this.#zone}.`;
    const state = element("p", "", this.#said, " ", this.#count);
    this.#dialog = makeDialog("saving", "", element("p", "", about), state, [...this.#forms, this.#close]);
    this.#dialog.onclose = () => (this.#run = undefined);
  }

  /** Asks in which form a room, or what was written with a person is to be saved. */
  open(name: string, isOnline: boolean): void {
    this.#isOnline = isOnline;
    this.#name = name;
    this.#dialog.querySelector("h2")!.textContent = `Save ${isRoom(name) ? name : `what you wrote with ${name}`}`;
    this.#say("");
    this.#dialog.showModal();
  }
  /** Whether there is a connection. */
  online(isOnline: boolean): void {
    if (isOnline === this.#isOnline) return;
    this.#isOnline = isOnline;
    if (this.#run !== undefined) this.#sayReading();
  }

  async #save(format: Format): Promise<void> {
    const run = (this.#run = {});
    this.#sayReading();
    const messages = await this.#read(run);
    if (this.#run !== run) return;
    this.#run = undefined;
    if (messages === undefined) return this.#say("The server did not give all messages, so nothing was saved.");
    const transcript = { name: this.#name, user: this.#user, at: Date.now(), zone: this.#zone, messages };
    const { type, text } = transcribe(transcript, format);
    this.#handOver(fileName(transcript, format), new Blob([text], { type }));
  }
  #read(run: object): Promise<Message[] | undefined> {
    const ask = async (request: RequestOf<"history">) => {
      const answer = await this.#ask(request);
      return this.#run === run ? answer?.messages : undefined;
    };
    return readAll(this.#name, ask, (count, of) => {
      const all = of === undefined ? "" : ` of ${of.toLocaleString("en")}`;
      this.#count.textContent = `${count.toLocaleString("en")}${all}`;
    });
  }

  #handOver(name: string, file: Blob): void {
    URL.revokeObjectURL(this.#url);
    const link = element("a", "", name);
    link.href = this.#url = URL.createObjectURL(file);
    link.download = name;
    // Over plain http browsers doubt what they are to save.
    this.#say("Saved as ", link, isSecureContext ? "." : ". If the browser asks, tell it to keep the file.");
    link.click();
  }

  #sayReading(): void {
    this.#say(this.#isOnline ? "Reading the messages…" : "There is no connection. Reading goes on when it is back.");
    this.#close.focus();
  }
  #say(...words: (string | Node)[]): void {
    const isReading = this.#run !== undefined;
    if (!isReading) this.#count.textContent = "";
    this.#said.replaceChildren(...words);
    this.#close.textContent = isReading ? "Cancel" : "Close";
    for (const button of this.#forms) button.disabled = isReading;
  }
}
