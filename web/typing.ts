// typing.ts: what typed commands mean, and what half-typed names, rooms and commands may become. A part of its own: who only reads
// does not need it.

export { help, isSecret, NOT_HERE, parseCommand } from "../shared/commands.ts";
export { ignore } from "../shared/ignoring.ts";
export { Suggestions } from "./suggestions.ts";
