// report.ts: figures as tables: medians of the repetitions, as ratios to the first row. Text for the terminal and Markdown
// are the same table, aligned. Computes and formats; measures nothing. Called by benchmark.ts, machine.ts, growth.ts,
// stored.ts and bystander.ts.

export interface Table {
  title: string;
  head: string[];
  rows: string[][];
  notes: string[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three significant digits, the way people write them: 1,234,567 → 1,230,000; 0.012345 → 0.0123. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

/** A figure as a multiple of the one it is compared with. */
export function ratio(value: number, base: number): string {
  if (!Number.isFinite(value / base)) return "–";
  return `${Number((value / base).toPrecision(2))}×`;
}

/** A table as Markdown whose columns are aligned, so that it reads as well in a terminal. */
export function format({ title, head, rows, notes }: Table): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":")).join(" | ")} |`;
  const below = notes.map((note) => `\n${note}\n`).join("");
  return `### ${title}\n\n${[line(head), rule, ...rows.map(line)].join("\n")}\n${below}`;
}

/** A table of rows of figures as multiples of the first, whose own are given in `units`. */
export function grown(
  title: string,
  head: string[],
  units: string[],
  rows: [string, number[]][],
  notes: string[] = [],
): Table {
  const base = rows[0]![1];
  const cells = rows.map(([size, figures], row) => [
    size,
    ...figures.map((value, i) =>
      row === 0 ? `1× = ${figure(value)} ${units[i]}` : `${ratio(value, base[i]!)} (${figure(value)} ${units[i]})`,
    ),
  ]);
  return { title, head, rows: cells, notes };
}
