// footer.ts: the last rows of a terminal, below the log: what waits, a hint, the prompt and the typed line with the
// cursor in it. Turns them into escapes and remembers how many rows they take, so that they can be erased. Writes
// nothing itself.

import { fit, layout, wrap } from "./rows.ts";

export interface FooterContent {
  prompt: string;
  typed: { text: string; cursor: number };
  rows: readonly string[]; // above the prompt
  hint: string; // a sentence right above the prompt, or ""
}

const MAX_ROWS = 12; // rows of the typed text that are shown at once
const MAX_HINT_ROWS = 3;

export class Footer {
  readonly #size: () => { columns: number; rows: number };
  /** What is on the screen: the columns of every row, and the cursor's place among them. */
  #drawn: { widths: number[]; row: number; column: number } | undefined;

  constructor(size: () => { columns: number; rows: number }) {
    this.#size = size;
  }

  /** The escapes that draw it where the cursor is now. */
  draw({ prompt, typed, rows: above, hint }: FooterContent): string {
    const { columns, rows: height } = this.#size();
    const width = columns - 1; // the last column stays free: a cursor there is in no certain place
    const hints = hint === "" ? [] : wrap(hint, width).slice(0, MAX_HINT_ROWS);
    const line = layout(prompt, typed.text, typed.cursor, width);
    const most = Math.max(1, Math.min(MAX_ROWS, height - above.length - hints.length - 1));
    const first = Math.max(0, Math.min(line.row - Math.floor(most / 2), line.rows.length - most));
    const rows = [...above, ...hints].map((row) => fit(row, width));
    const row = rows.length + line.row - first;
    rows.push(...line.rows.slice(first, first + most));
    this.#drawn = { widths: rows.map((one) => Bun.stringWidth(one)), row, column: line.column };
    return `${rows.join("\r\n")}${up(rows.length - 1 - row)}\r${line.column > 0 ? `\x1b[${line.column}C` : ""}`;
  }

  /** The escapes that go back to its first column and take it away. */
  erase(): string {
    if (this.#drawn === undefined) return "";
    const { widths, row, column } = this.#drawn;
    const { columns } = this.#size();
    // A terminal that has become narrower has broken the rows that no longer fit.
    const height = (width: number) => Math.max(1, Math.ceil(width / columns));
    const above = widths.slice(0, row).reduce((sum, width) => sum + height(width), 0);
    this.#drawn = undefined;
    return `${up(above + Math.floor(column / columns))}\r\x1b[J`;
  }

  /** It is not on the screen any more: something else has cleared that. */
  forget(): void {
    this.#drawn = undefined;
  }
}

/** The choices of a completion as a hint, the one that is in the text in brackets. */
export function choicesRow(choices: { all: string[]; index: number } | undefined): string {
  if (choices === undefined) return "";
  return choices.all.map((choice, i) => (i === choices.index ? `[${choice.trim()}]` : choice.trim())).join(" ");
}

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}
