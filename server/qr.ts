// qr.ts: a text as a QR code (ISO/IEC 18004), as far as the address of a page needs it: bytes only, up to 213 of them (versions 1 to
// 10), of which about 15 % may be unreadable (level M). The mask is the one with the fewest penalties, as the standard says.

/** A square of modules, row by row; true is dark. */
export type Code = readonly (readonly boolean[])[];
type Grid = (boolean | undefined)[][]; // undefined where no module is set yet

/** Level M of versions 1 to 10: how many blocks the codewords are split into, and how many of each block are for errors. */
const VERSIONS = [
  { blocks: 1, check: 10 },
  { blocks: 1, check: 16 },
  { blocks: 1, check: 26 },
  { blocks: 2, check: 18 },
  { blocks: 2, check: 24 },
  { blocks: 4, check: 16 },
  { blocks: 4, check: 18 },
  { blocks: 4, check: 22 },
  { blocks: 5, check: 22 },
  { blocks: 5, check: 26 },
].map((one, n) => ({ ...one, version: n + 1 }));
type Version = (typeof VERSIONS)[number];

/** Whether a mask flips the module at a row and a column. */
const MASKS: readonly ((y: number, x: number) => boolean)[] = [
  (y, x) => (y + x) % 2 === 0,
  (y) => y % 2 === 0,
  (_, x) => x % 3 === 0,
  (y, x) => (y + x) % 3 === 0,
  (y, x) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (y, x) => ((y * x) % 2) + ((y * x) % 3) === 0,
  (y, x) => (((y * x) % 2) + ((y * x) % 3)) % 2 === 0,
  (y, x) => (((y + x) % 2) + ((y * x) % 3)) % 2 === 0,
];
const FINDER = [true, true, false, true, false]; // whether each ring is dark, from the middle
const ALIGNMENT = [true, false, true];
const QUIET = 4; // modules that stay light around a code

/** The code of a text, `undefined` if it is too long. `masks` are those that may be used, by their numbers. */
export function qrCode(text: string, masks: readonly number[] = [...MASKS.keys()]): Code | undefined {
  const bytes = new TextEncoder().encode(text);
  const version = VERSIONS.find((one) => bytes.length <= dataLength(one) - headLength(one));
  if (version === undefined) return undefined;
  const words = withChecks(dataOf(bytes, version), version);
  const codes = masks.map((mask) => draw(words, version, mask));
  return codes.reduce((best, code) => (penalty(code) < penalty(best) ? code : best));
}

/** The same as a picture of its own colours, dark on light whatever is around it; `label` says what it is to who does not see it. */
export function qrPicture(code: Code, label: string): string {
  const size = code.length + 2 * QUIET;
  const runs = code.flatMap((row, y) =>
    Array.from(
      row.map(Number).join("").matchAll(/1+/g),
      ({ 0: { length }, index }) => `M${index} ${y}h${length}v1h-${length}z`,
    ),
  );
  return (
    `<svg class="qr" role="img" aria-label="${label}" viewBox="-${QUIET} -${QUIET} ${size} ${size}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M-${QUIET}-${QUIET}h${size}v${size}h-${size}z"/><path d="${runs.join("")}"/></svg>`
  );
}

// ---- the codewords ----

/** How many codewords a version has: the modules that are not part of a pattern, in bytes. */
function allLength({ version }: Version): number {
  const aligned = version === 1 ? 0 : version < 7 ? 25 : 6 * 25 - 2 * 5; // two of six lie on the lines of the timing
  const modules = (4 * version + 17) ** 2 - 3 * 64 - 31 - 2 * (4 * version + 1) - aligned - (version < 7 ? 0 : 36);
  return Math.floor(modules / 8);
}
function dataLength(version: Version): number {
  return allLength(version) - version.blocks * version.check;
}
/** Bytes that are taken by the mode and by the number of bytes: 12 or 20 bits, and those to the next whole byte. */
function headLength({ version }: Version): number {
  return version < 10 ? 2 : 3;
}

/** Mode, number of bytes, the bytes, an end, and what fills the rest. */
function dataOf(bytes: Uint8Array, version: Version): number[] {
  const length = bytes.length.toString(2).padStart(version.version < 10 ? 8 : 16, "0");
  const bits = `0100${length}${Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")}0000`;
  const words = Array.from(bits.matchAll(/.{8}/g), ([word]) => Number.parseInt(word, 2));
  for (let n = 0; words.length < dataLength(version); n++) words.push(n % 2 === 0 ? 0xec : 0x11);
  return words;
}

/** Splits the data into blocks, the longer ones last, gives each its codewords for errors, and takes a codeword of each in turn. */
function withChecks(data: readonly number[], version: Version): number[] {
  const { blocks, check } = version;
  const short = Math.floor(data.length / blocks);
  const longer = data.length % blocks;
  const divisor = generator(check);
  const parts = Array.from({ length: blocks }, (_, n) => {
    const start = n * short + Math.max(0, n - (blocks - longer));
    return data.slice(start, start + short + (n >= blocks - longer ? 1 : 0));
  });
  return [...inTurn(parts), ...inTurn(parts.map((part) => remainder(part, divisor)))];
}
function inTurn(parts: readonly number[][]): number[] {
  const longest = Math.max(...parts.map(({ length }) => length));
  return Array.from({ length: longest }, (_, n) => parts.flatMap((part) => part.slice(n, n + 1))).flat();
}

// ---- Reed-Solomon: bytes as numbers of the field GF(2^8) by x^8 + x^4 + x^3 + x^2 + 1 ----

function times(one: number, other: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    if ((other >> bit) & 1) product ^= one;
  }
  return product;
}
/** The polynomial (x - 1)(x - 2)(x - 4)… of a degree, without its first coefficient, which is 1. */
function generator(degree: number): number[] {
  let factors: number[] = [1];
  for (let n = 0, root = 1; n < degree; n++, root = times(root, 2))
    factors = [...factors, 0].map((factor, i) => factor ^ times(factors[i - 1] ?? 0, root));
  return factors.slice(1);
}
/** What is left when a block, as a polynomial, is divided: its codewords for errors. */
function remainder(block: readonly number[], divisor: readonly number[]): number[] {
  let rest = divisor.map(() => 0);
  for (const word of block) {
    const factor = word ^ rest[0]!;
    rest = [...rest.slice(1), 0].map((one, n) => one ^ times(divisor[n]!, factor));
  }
  return rest;
}

// ---- the picture ----

function draw(words: readonly number[], { version }: Version, mask: number): Code {
  const size = 4 * version + 17;
  const grid: Grid = Array.from({ length: size }, () => Array<boolean | undefined>(size).fill(undefined));
  drawPatterns(grid, version);
  drawFormat(grid, mask);
  if (version >= 7) drawVersion(grid, version);
  drawData(grid, words, MASKS[mask]!);
  return grid as boolean[][];
}

/** Finders in three corners, the smaller alignment patterns between them, and the timing: two lines by which modules are counted. */
function drawPatterns(grid: Grid, version: number): void {
  const size = grid.length;
  const last = size - 7;
  for (let n = 8; n < size - 8; n++) grid[6]![n] = grid[n]![6] = n % 2 === 0;
  drawRings(grid, 3, 3, FINDER);
  drawRings(grid, 3, size - 4, FINDER);
  drawRings(grid, size - 4, 3, FINDER);
  const corners = ["6 6", `6 ${last}`, `${last} 6`]; // where finders are
  const places = version === 1 ? [] : version < 7 ? [6, last] : [6, (6 + last) / 2, last];
  for (const y of places) for (const x of places) if (!corners.includes(`${y} ${x}`)) drawRings(grid, y, x, ALIGNMENT);
}
/** Square rings around a module, as far as they are inside. */
function drawRings(grid: Grid, top: number, left: number, rings: readonly boolean[]): void {
  const far = rings.length - 1;
  for (let y = -far; y <= far; y++)
    for (let x = -far; x <= far; x++)
      if (top + y in grid && left + x in grid) grid[top + y]![left + x] = rings[Math.max(Math.abs(y), Math.abs(x))]!;
}

/** Level (M is 00) and mask, twice, at the finders; and the module that is always dark. */
function drawFormat(grid: Grid, mask: number): void {
  const size = grid.length;
  const bits = withRemainder(mask, 10, 0x537) ^ 0x5412;
  for (let n = 0; n < 15; n++) {
    const isDark = ((bits >> n) & 1) === 1;
    grid[n < 6 ? n : n < 8 ? n + 1 : size - 15 + n]![8] = isDark;
    grid[8]![n < 8 ? size - 1 - n : n < 9 ? 7 : 14 - n] = isDark;
  }
  grid[size - 8]![8] = true;
}
/** The version, twice, beside the finders. */
function drawVersion(grid: Grid, version: number): void {
  const bits = withRemainder(version, 12, 0x1f25);
  for (let n = 0; n < 18; n++) {
    const [far, near] = [grid.length - 11 + (n % 3), Math.floor(n / 3)];
    grid[far]![near] = grid[near]![far] = ((bits >> n) & 1) === 1;
  }
}
/** A number, and behind it so many bits that are left when it is divided by a polynomial over GF(2). */
function withRemainder(number: number, bits: number, divisor: number): number {
  let rest = number;
  for (let n = 0; n < bits; n++) rest = (rest << 1) ^ ((rest >> (bits - 1)) * divisor);
  return (number << bits) | rest;
}

/** The bits go up and down in columns of two, from the right, wherever nothing else is. Those that are left over are light. */
function drawData(grid: Grid, words: readonly number[], isFlipped: (y: number, x: number) => boolean): void {
  const size = grid.length;
  let bit = 0;
  for (let n = 0; n < (size - 1) / 2; n++) {
    const right = size - 1 - 2 * n;
    const column = right > 6 ? right : right - 1; // the column of the timing is left out
    for (let step = 0; step < 2 * size; step++) {
      const y = n % 2 === 0 ? size - 1 - (step >> 1) : step >> 1;
      const x = column - (step & 1);
      if (grid[y]![x] !== undefined) continue;
      const isSet = (((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
      grid[y]![x] = isSet !== isFlipped(y, x);
      bit++;
    }
  }
}

/** How hard a code is to read: long runs, blocks of one colour, what looks like a finder, and more dark than light or the reverse. */
function penalty(code: Code): number {
  const rows = code.map((row) => row.map(Number).join(""));
  const columns = code.map((_, x) => code.map((row) => Number(row[x])).join(""));
  let sum = 0;
  for (const line of [...rows, ...columns]) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
    sum += 40 * [...line.matchAll(/(?=00001011101|10111010000)/g)].length;
  }
  for (let y = 1; y < code.length; y++)
    for (let x = 1; x < code.length; x++)
      if (code[y]![x] === code[y - 1]![x] && code[y]![x] === code[y]![x - 1] && code[y]![x] === code[y - 1]![x - 1])
        sum += 3;
  const share = rows.join("").replaceAll("0", "").length / code.length ** 2;
  return sum + 10 * Math.floor(Math.abs(share - 0.5) * 20);
}
