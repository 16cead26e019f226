// saving.ts: the dialog that saves the conversation that is open as a file: all of it, whatever is loaded. Keeps nothing.

import type { Message, Ok, RequestOf } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { readAll } from "./archive.ts";
import { element, the } from "./dom.ts";
import type { Format } from "./transcript.ts";
import { fileName, transcribe } from "./transcript.ts";

/** Asks for messages, however often the connection is lost before the answer; `undefined` when that is refused. */
type Ask = (request: RequestOf<"history">) => Promise<Ok | undefined>;

export class Saving {
  readonly #dialog = the("saving", HTMLDialogElement);
  readonly #said = the("saving-said", HTMLElement);
  readonly #count = the("saving-count", HTMLElement);
  readonly #close = the("saving-close", HTMLButtonElement);
  readonly #forms: [Format, HTMLButtonElement][] = [
    ["html", the("saving-page", HTMLButtonElement)],
    ["txt", the("saving-text", HTMLButtonElement)],
  ];
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
    for (const [format, button] of this.#forms) button.onclick = () => void this.#save(format);
    this.#close.onclick = () => this.#dialog.close();
    this.#dialog.onclose = () => (this.#run = undefined);
    the("saving-zone", HTMLElement).textContent = this.#zone;
  }

  /** Asks in which form a room, or what was written with a person is to be saved. */
  open(name: string, isOnline: boolean): void {
    this.#isOnline = isOnline;
    this.#name = name;
    the("saving-title", HTMLElement).textContent = `Save ${isRoom(name) ? name : `what you wrote with ${name}`}`;
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
    this.#say("Saved as ", link, ".");
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
    for (const [, button] of this.#forms) button.disabled = isReading;
  }
}
