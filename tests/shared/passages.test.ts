import { expect, test } from "bun:test";
import { addresses, passages, pieces, withoutCode } from "../../shared/passages.ts";
import { mentions } from "../../shared/text.ts";

/** A text with `<language|code>` where code between fences is, and `<code>` where code in a line is. */
function marked(text: string): string {
  const inLine = (words: string) => pieces(words).map(({ text, ticks }) => (ticks === undefined ? text : `<${text}>`));
  return passages(text)
    .map(({ text, fence }) => (fence === undefined ? inLine(text).join("") : `<${fence.language}|${text}>`))
    .join("\n");
}

test.each([
  ["no code", "no code"],
  ["", ""],
  ["```\nx = 1\n```", "<|x = 1>"],
  ["look:\n```python\n\tx = 1\n\n  y = 2  \n```\nand `this`", "look:\n<python|\tx = 1\n\n  y = 2  >\nand <this>"],
  ["```c++ \nint x;", "<c++|int x;>"], // goes on to the end
  ["```\na\n```\n\n```\nb\n```", "<|a>\n\n<|b>"],
  ["````\n```\nin it\n```\n````", "<|```\nin it\n```>"],
  ["```\n`a` ```b```\n```", "<|`a` ```b```>"],
  ["```\n```\nwords", "```\n```\nwords"], // nothing is between them
  ["the end is ```\nx", "the end is ```\nx"], // a fence has a line of its own
  ["```", "```"],
  ["```two words\nx\n```", "```two words\nx\n```"],
  ["`a` and ``b`c`` and ```d```", "<a> and <b`c> and <d>"],
  ["`a\nb` and `` x", "`a\nb` and `` x"], // it has both ends in one line
  ["**bold** _it_ # head [a](b) > q", "**bold** _it_ # head [a](b) > q"],
])("the code of %j is %j", (text, expected) => {
  expect(marked(text)).toBe(expected);
});

test("joined, the passages with their fences are the text", () => {
  for (const text of ["a\n\n ```js \nx\n```  \n\nb\n", "```\n\nx\n\n", "\n```\nx\n````\n"]) {
    const lines = passages(text).flatMap(({ text, fence }) => [fence?.open, text, fence?.close]);
    expect(lines.filter((line) => line !== undefined).join("\n")).toBe(text);
  }
});

test.each([
  [
    "see https://example.org/wiki/Recursion_(computer_science) now",
    "https://example.org/wiki/Recursion_(computer_science)",
  ],
  ["(see https://example.org/a_(b))", "https://example.org/a_(b)"],
  ["(https://example.org/a)", "https://example.org/a"],
  ["[page](https://example.org/a).", "https://example.org/a"],
  ["https://example.org/a[0]", "https://example.org/a[0]"],
  ["[https://example.org/a[0]]", "https://example.org/a[0]"],
  ["https://example.org/{id}, or", "https://example.org/{id}"],
  ["https://example.org/a_(b)?!…", "https://example.org/a_(b)"],
  ["https://example.org/a)b", "https://example.org/a)b"],
  ["https://example.org/))))", "https://example.org/"],
  ["http://[::1]:8080/a", "http://[::1]:8080/a"],
  ["http://[::1]", "http://[::1]"],
  ["**https://example.org**: this", "https://example.org"],
  ["“https://example.org/x”", "https://example.org/x"],
  ["HTTP://Example.org/A", "HTTP://Example.org/A"],
  ['<https://example.org/x>"', "https://example.org/x"],
  ["https:// http://% javascript:alert(1) xhttp://a", ""],
])("the address in %j is %j", (text, expected) => {
  const found = addresses(text);
  expect(found.map((one) => one.text).join(" ")).toBe(expected);
  for (const { index, text: written } of found) expect(text.slice(index, index + written.length)).toBe(written);
});

test("an address is found in a time that grows with its length only", () => {
  const [found] = addresses(`http://x/${")".repeat(1_000_000)}`);
  expect(found!.text).toBe("http://x/");
});

test("code calls nobody", () => {
  expect(withoutCode("a `b`\n```\nc\n```\nd")).toBe("a  \nd");
  expect(mentions("`alice` is a name\n```\nalice = 1\n```", "alice")).toBe(false);
  expect(mentions("`x` alice\n```\ny\n```", "alice")).toBe(true);
  expect(mentions("```\ny\n```\nalice?", "alice")).toBe(true);
});
