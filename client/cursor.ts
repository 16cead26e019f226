// cursor.ts: where a cursor can go in a text: by grapheme, by word, by line, never into the middle of a character.
// Pure.

const graphemes = new Intl.Segmenter();

/** Where the grapheme begins and ends that a UTF-16 index lies in; the index itself at the end of the text. */
function graphemeAt(text: string, index: number): { start: number; end: number } {
  const found = graphemes.segment(text).containing(index);
  if (found === undefined) return { start: index, end: index };
  return { start: found.index, end: found.index + found.segment.length };
}

export function left(text: string, cursor: number): number {
  return cursor === 0 ? 0 : graphemeAt(text, cursor - 1).start;
}
export function right(text: string, cursor: number): number {
  return graphemeAt(text, cursor).end;
}

/** The start of the word before the cursor, as Alt+B goes there: letters and digits make a word. */
export function wordLeft(text: string, cursor: number): number {
  const word = /(?:[\p{L}\p{M}\p{N}_]+[^\p{L}\p{M}\p{N}_]*|[\s\S]?)$/u.exec(text.slice(0, cursor))!;
  return cursor - word[0].length;
}
/** The end of the word after the cursor, as Alt+F goes there. */
export function wordRight(text: string, cursor: number): number {
  const word = /^(?:[^\p{L}\p{M}\p{N}_]*[\p{L}\p{M}\p{N}_]+|[\s\S]*)/u.exec(text.slice(cursor))!;
  return cursor + word[0].length;
}
/** The start of what stands between spaces before the cursor, as Ctrl+W takes it away. */
export function blankLeft(text: string, cursor: number): number {
  return cursor - /\S*\s*$/.exec(text.slice(0, cursor))![0].length;
}

export function lineStart(text: string, cursor: number): number {
  return cursor === 0 ? 0 : text.lastIndexOf("\n", cursor - 1) + 1;
}
export function lineEnd(text: string, cursor: number): number {
  const end = text.indexOf("\n", cursor);
  return end < 0 ? text.length : end;
}

/** The same column one line up (-1) or down, or the end of a shorter line; `undefined` where there is no such line. */
export function vertical(text: string, cursor: number, step: -1 | 1): number | undefined {
  const start = lineStart(text, cursor);
  const end = lineEnd(text, cursor);
  if (step < 0 ? start === 0 : end === text.length) return undefined;
  const inLine = step < 0 ? start - 1 : end + 1;
  const wanted = Math.min(lineStart(text, inLine) + cursor - start, lineEnd(text, inLine));
  return graphemeAt(text, wanted).start;
}
