// console.ts: where a person sits, as the chat and the sign-in see it: lines printed, questions asked, lines typed.
// There are two: terminal.ts moves the cursor, plain.ts does not.

export interface Console {
  readonly columns: number;
  /** Whether a person sits here for sure, and can be asked again; lines of the other kind may come from a pipe. */
  readonly isInteractive: boolean;
  /** Whether what is typed stays on the screen by itself. */
  readonly echoes: boolean;
  /** Whether one room is shown at a time, and what waits in the others is told in the footer. */
  readonly hasRoomsApart: boolean;
  /** Whether somebody looks at it, as far as can be told. */
  readonly isWatched: boolean;
  /** How long somebody who leaves waits for what they just typed, in ms; without it, as long as it takes. */
  readonly patience: number | undefined;

  print(...lines: string[]): void;
  bell(): void;
  /** Asks for a line; `hidden`: it is not shown. `undefined` when there is nobody to answer. */
  ask(question: string, hidden?: boolean): Promise<string | undefined>;
  /** What stands under the log, where anything can: the prompt, and rows above it. */
  footer(prompt: string, rows: readonly string[]): void;
  /** What is typed from now on belongs to another place; what is half typed stays with the one it was typed for. */
  turnTo(place: string): void;
  /** A line that was typed for a place was refused. Returns whether its words are there for its person again; if not, the caller has
   *  to show them. */
  giveBack(place: string, text: string): boolean;
  /** Takes away what is half typed for a place where nothing can be said any more; without one, all that is half typed. */
  takeHalfTyped(place?: string): string[];
  /** Takes what is shown out of sight: it is in the scrollback then. Nothing, where nothing is. */
  clear(): void;
  /** Tells what is under way while nobody can type. */
  progress(text: string): void;
  /** Who takes what is typed when nothing is asked. */
  listen(reader: Reader): void;
  /** What the window is called, where there is one. */
  title?(text: string): void;
  /** Lines that were typed in an earlier run may be typed again, where keys are read. */
  recall?(lines: readonly string[]): void;
  /** What a half-typed word may become, where keys are read. */
  complete?: (before: string) => Completion;
  /** Resolves when little enough is on its way to the screen that more may be printed. */
  drained(): Promise<void>;
  close(): void;
}

export interface Reader {
  /** A line was typed. Returns why it cannot be taken now, and it stays as it is. */
  line(text: string): string | undefined;
  /** Why a text can never be taken, however often it is sent. */
  complaint(text: string): string | undefined;
  /** What to ask before a line is taken that may have been meant otherwise. */
  doubt(text: string): string | undefined;
  /** Whether a line is not kept among those that were typed before. */
  isSecret(text: string): boolean;
  /** Whether more lines may come now; where they come faster than anybody types. */
  ready(): Promise<void>;
  /** A key that edits nothing: "alt+a", "alt+1". */
  key(name: string): void;
  /** Somebody looks at the screen again. */
  looked(): void;
  /** Ctrl+D on an empty line, or the input has ended. */
  end(): void;
  /** Ctrl+C on an empty line. */
  interrupt(): void;
}

/** A key as `node:readline`'s keypress events report it. */
export interface Key {
  name?: string | undefined;
  ctrl?: boolean | undefined;
  meta?: boolean | undefined;
  shift?: boolean | undefined;
  sequence?: string | undefined;
}

/** What the text before the cursor may become: each choice replaces it from `start` on. */
export interface Completion {
  start: number;
  choices: string[];
}
