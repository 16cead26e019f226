// rows.ts: text as rows of a terminal: broken at words, cut to a width, or laid out with a cursor in it. Counts
// columns, not characters: a wide one takes two, an emoji of several parts only one place. Pure.

const HANG = "  "; // before every row that continues another
const TAB = 4; // columns

/** A text broken at words into rows, the later ones indented as far as the text is, at least a little. A word longer than a row stays
 *  whole: the terminal itself breaks it, so that a long address can still be copied in one piece. */
export function wrap(line: string, columns: number): string[] {
  if (Bun.stringWidth(line) <= columns) return [line];
  const indent = /^ */.exec(Bun.stripANSI(line))![0].slice(0, columns / 2);
  const hang = indent.length > HANG.length ? indent : HANG;
  const rows = Bun.wrapAnsi(line, columns - hang.length, { trim: false }).split("\n");
  return rows.map((row, i) => (i === 0 ? row : hang + row.replace(/^((?:\x1b\[[\d;]*m)*) /, "$1")));
}

/** A line whose tabs are spaces, up to the next column that 4 divides. */
export function expandTabs(line: string): string {
  return line.replace(/([^\t]*)\t/g, (_, part: string) => part + " ".repeat(TAB - (Bun.stringWidth(part) % TAB)));
}

/** A row cut to a width. */
export function fit(row: string, width: number): string {
  return Bun.stringWidth(row) <= width ? row : Bun.sliceAnsi(row, 0, width - 1) + "…";
}

/** The prompt and the typed text as rows of at most `width` columns, and where the cursor stands among them. */
export function layout(prompt: string, text: string, cursor: number, width: number) {
  const rows = [""];
  let column = 0;
  let at: { row: number; column: number } | undefined;
  const place = (grapheme: string): void => {
    const shown = grapheme === "\t" ? "    " : grapheme;
    const wide = grapheme === "\n" ? 0 : Bun.stringWidth(shown);
    if (grapheme === "\n" || column + wide > width) {
      rows.push(grapheme === "\n" ? HANG : "");
      column = Bun.stringWidth(rows.at(-1)!);
    }
    if (grapheme === "\n") return;
    rows[rows.length - 1] += shown;
    column += wide;
  };
  for (const { segment } of new Intl.Segmenter().segment(prompt)) place(segment);
  for (const { segment, index } of new Intl.Segmenter().segment(text)) {
    if (index >= cursor) at ??= { row: rows.length - 1, column };
    place(segment);
  }
  return { rows, ...(at ?? { row: rows.length - 1, column }) };
}
