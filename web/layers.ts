// layers.ts: what lies over the chat for a while: the lists on a phone, the people of a room. A tap beside it, Escape and the Back
// button of the device take it away, and nothing else can be reached meanwhile. There is one at a time.

import { the } from "./dom.ts";

interface Layer {
  box: HTMLElement;
  opener: HTMLElement; // gets the focus back
  close: () => void; // takes it away, and calls `lift`
}

export class Layers {
  readonly #scrim = the("scrim", HTMLElement);
  #layer: Layer | undefined;
  #hasEntry = false; // in the browser's history, for the Back button
  #isReturning = false; // a step back was asked for and has not happened

  constructor() {
    this.#scrim.onclick = () => this.close();
    window.onpopstate = () => {
      if (!this.#isReturning) {
        this.#hasEntry = false;
        return void this.close();
      }
      this.#isReturning = false;
      if (this.#layer !== undefined) this.#addEntry(); // it was laid meanwhile
    };
  }

  lay(layer: Layer): void {
    this.close();
    this.#layer = layer;
    if (!this.#isReturning) this.#addEntry();
    this.#cover(layer.box);
  }
  #addEntry(): void {
    this.#hasEntry = true;
    history.pushState(null, "");
  }
  /** Takes away what lies over the chat; returns whether there was something. */
  close(): boolean {
    const layer = this.#layer;
    layer?.close();
    return layer !== undefined;
  }
  /** A layer is not there any more. */
  lift(box: HTMLElement): void {
    const layer = this.#layer;
    if (layer?.box !== box) return;
    this.#layer = undefined;
    this.#cover(undefined);
    layer.opener.focus();
    if (!this.#hasEntry) return;
    this.#hasEntry = false;
    this.#isReturning = true;
    history.back();
  }

  /** Everything but a box, and what is asked over it, cannot be reached. */
  #cover(box: HTMLElement | undefined): void {
    const parts = this.#scrim.parentElement!.children as HTMLCollectionOf<HTMLElement>;
    for (const part of parts)
      if (part.tagName !== "DIALOG") part.inert = box !== undefined && part !== box && part !== this.#scrim;
    this.#scrim.hidden = box === undefined;
  }
}
