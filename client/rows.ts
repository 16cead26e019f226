// rows.ts: text as rows of a terminal: broken at words, cut to a width, or laid out with a cursor in it. Counts
// columns, not characters: a wide one takes two, an emoji of several parts only one place. Pure.

const HANG = "  "; // before every row that continues another
const TAB = 4; // columns

const FINGERPRINT = /\b(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\b/g;

/** A text broken at words into rows, the later ones indented as far as the text is, at least a little. A fingerprint breaks between two
 *  pairs; any other word longer than a row stays whole: the terminal itself breaks it, so that a long address can be copied in one piece. */
export function wrap(line: string, columns: number): string[] {
  if (Bun.stringWidth(line) <= columns) return [line];
  const indent = /^ */.exec(Bun.stripANSI(line))![0].slice(0, columns / 2);
  const hang = indent.length > HANG.length ? indent : HANG;
  const width = columns - hang.length;
  const pairs = Math.max(1, Math.min(16, Math.floor(width / 3))); // that are compared in one go
  const inParts = (print: string) => print.replace(new RegExp(`(?:..:){${pairs}}`, "g"), "$& ");
  const text = line.replace(FINGERPRINT, (print) => (print.length > width ? inParts(print) : print));
  const rows = Bun.wrapAnsi(text, width, { trim: false }).split("\n");
  return rows.map((row, i) => (i === 0 ? row : hang + row.replace(/^((?:\x1b\[[\d;]*m)*) /, "$1")));
}

/** A line whose tabs are spaces, up to the next column that 4 divides. */
export function expandTabs(line: string): string {
  return line.replace(/([^\t]*)\t/g, (_, part: string) => part + " ".repeat(TAB - (Bun.stringWidth(part) % TAB)));
}

/** A row cut to a width. Where a tab would end only the terminal knows, so it is some spaces. */
export function fit(text: string, width: number): string {
  const row = text.replaceAll("\t", "    ");
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
