// nearest.ts: which word somebody may have meant who mistyped one: a command, or an option of a program.

const LONGEST = 19; // characters; strangers type words of any length, and the cost grows with the length

/** The one of `all` at most two edits away (Damerau-Levenshtein, adjacent letters swapped count as one), or
 *  `undefined`. */
export function nearest(word: string, all: readonly string[]): string | undefined {
  if (word.length < 2 || word.length > LONGEST) return undefined;
  const ranked = all.map((name) => ({ name, edits: edits(word, name) })).sort((a, b) => a.edits - b.edits);
  return ranked[0]!.edits <= 2 ? ranked[0]!.name : undefined;
}
function edits(a: string, b: string): number {
  const row = (i: number) => Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0));
  const table = Array.from({ length: a.length + 1 }, (_, i) => row(i));
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? table[i - 2]![j - 2]! + 1 : Infinity;
      const change = table[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      table[i]![j] = Math.min(table[i - 1]![j]! + 1, table[i]![j - 1]! + 1, change, swap);
    }
  return table[a.length]![b.length]!;
}
