// usage.ts: a command line, understood alike by all programs: what it asks for, and in one sentence what is wrong with it. It is
// given as the tokens that `parseArgs` makes when it refuses nothing. Prints nothing and ends nothing.

import { nearest } from "./nearest.ts";
import { sanitizeMessage } from "./text.ts";

/** The options of a program by their names, without dashes. */
export type Options = Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>;
export type Values<O extends Options> = { [Name in keyof O]?: O[Name]["type"] extends "string" ? string : boolean };

/** What every program can be asked for instead of its work. */
export const ASIDE = { help: { type: "boolean", short: "h" }, version: { type: "boolean" } } as const;

interface Token {
  readonly kind: string; // "option", "positional" or "option-terminator"
  readonly name?: string; // without dashes
  readonly rawName?: string; // as it was typed
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined; // it came behind a "="
}

export interface CommandLine<O extends Options> {
  readonly asks: "help" | "version" | undefined;
  readonly wrong: string | undefined; // a sentence for people; then the rest means nothing
  readonly values: Values<O>;
  readonly words: readonly string[]; // what is no option
}

/** What the command line of `bun PROGRAM` says; it may have `most` words besides its options. Its help comes first, whatever else
 *  is there. */
export function understand<O extends Options>(
  tokens: readonly Token[],
  { program, options, most }: { program: string; options: O; most: number },
): CommandLine<O> {
  const words = tokens.filter(({ kind }) => kind === "positional").map(({ value = "" }) => value);
  const given = tokens.filter(({ kind }) => kind === "option");
  const isGiven = (wanted: string) => given.some(({ name }) => name === wanted);
  const asks = words[0] === "help" || isGiven("help") ? "help" : isGiven("version") ? "version" : undefined;
  const problem = given.map((token) => whyNot(token, options)).find((why) => why !== undefined);
  const surplus = words[most] === undefined ? undefined : `Unexpected argument "${sanitizeMessage(words[most])}".`;
  const wrong = problem ?? surplus;
  return {
    asks,
    wrong: asks !== undefined || wrong === undefined ? undefined : seeHelp(wrong, program),
    values: Object.fromEntries(given.map(({ name, value = true }) => [name, value])) as Values<O>,
    words,
  };
}

/** A sentence about a command line, and where to look. */
export function seeHelp(sentence: string, program: string): string {
  return `${sentence} See bun ${program} --help`;
}

/** A question behind a sentence about an unknown word, if it is near one that is known. */
export function didYouMean(word: string, all: readonly string[], dashes = ""): string {
  const near = nearest(word, all);
  return near === undefined ? "" : ` Did you mean ${dashes}${near}?`;
}

function whyNot({ name = "", rawName = "", value, inlineValue }: Token, options: Options): string | undefined {
  const known = Object.hasOwn(options, name) ? options[name] : undefined;
  if (known === undefined)
    return `Unknown option ${sanitizeMessage(rawName)}.${didYouMean(name, Object.keys(options), "--")}`;
  if (known.type === "boolean") return value === undefined ? undefined : `${rawName} takes no value.`;
  // A number below zero is a wrong value, another dash the next option; "-" is the input.
  const isValue = inlineValue ? value !== "" : value !== undefined && /^(?!$|-(?!\d|$))/.test(value);
  return isValue ? undefined : `${rawName} needs a value.`;
}

/** Why a file that a person chose cannot be read or written, by what the system threw. */
export function whyUnusable(problem: unknown): string {
  switch ((problem as { code?: string }).code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return "permission denied. Check whose it is (ls -la)";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
      return "a part of its path is no folder";
    case "ELOOP":
      return "its links lead in a circle";
    case "EEXIST":
      return "there is something else of that name";
    case "EROFS":
      return "its disk is read-only";
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full";
    default:
      return "the system does not give it";
  }
}
