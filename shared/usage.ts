// usage.ts: what a program says about a command line that it does not understand. Prints nothing and ends nothing.

import { nearest } from "./nearest.ts";

/** Why `parseArgs` did not understand a command line of `bun PROGRAM`, as sentences that end with where to
 *  look. `problem` is what it has thrown, `options` are the names of all options without their dashes. */
export function whyNotUnderstood(
  problem: Error & { code?: string },
  options: readonly string[],
  program: string,
): string {
  const help = `See bun ${program} --help`;
  if (problem.code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") return `${problem.message.split(". ")[0]}. ${help}`;
  const option = /'(--?[^\s'=]+)/.exec(problem.message)?.[1] ?? "";
  const near = nearest(option.replace(/^-+/, ""), [...options, "help"]);
  return `Unknown option ${option}. ${near === undefined ? "" : `Did you mean --${near}? `}${help}`;
}
