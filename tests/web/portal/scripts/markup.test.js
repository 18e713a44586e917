import assert from "node:assert/strict";
import { test } from "node:test";

import { blocks, spans } from "../static/playground/markup.js";

const code = (text, language = "") => ({ kind: "code", language, text });
const text = (words) => ({ kind: "text", text: words });

test("paragraphs are parted by empty lines", () => {
  assert.deepEqual(blocks("a\nb\n\n\nc\n"), [text("a\nb"), text("c")]);
});

test("a fence holds code, whatever is in it", () => {
  const source = "see:\n```python\n# no heading\n- no list\n\n<script>\n```\nso";
  const inside = "# no heading\n- no list\n\n<script>";
  assert.deepEqual(blocks(source), [text("see:"), code(inside, "python"), text("so")]);
});

test("a fence without an end is code up to the end", () => {
  assert.deepEqual(blocks("```\na\n\nb"), [code("a\n\nb")]);
});

test("a longer fence holds a shorter one", () => {
  assert.deepEqual(blocks("````\n```\na\n```\n````"), [code("```\na\n```")]);
});

test("headings and lists are told apart from words", () => {
  assert.deepEqual(blocks("## Two\n- a\n- b\n  goes on\n3. c\n4. d"), [
    { kind: "heading", level: 2, text: "Two" },
    { kind: "list", ordered: false, start: 1, items: ["a", "b\ngoes on"] },
    { kind: "list", ordered: true, start: 3, items: ["c", "d"] },
  ]);
});

test("what only looks a little like it is words", () => {
  assert.deepEqual(blocks("#hash\n-1 degree\n1.5 m\n`code` first"), [text("#hash\n-1 degree\n1.5 m\n`code` first")]);
});

test("nothing is lost: every word of the text is in a block", () => {
  const source = "a `b` **c**\n\n# d\n\n* e\n\n1) f\n\n~~~sh\ng\n~~~\nh";
  const found = JSON.stringify(blocks(source));
  for (const letter of "abcdefgh") assert.ok(found.includes(letter), letter);
});

test("an answer that is being written never throws, however far it is", () => {
  const source = "1. **a\n```x\n`\n~~~\n``` \n> q\n* \n#\n## \n**b** `c` ``d` e``";
  for (let at = 0; at <= source.length; at += 1) {
    for (const block of blocks(source.slice(0, at))) spans(block.text ?? block.items.join());
  }
});

test("within a line, code and what is strong are told apart", () => {
  assert.deepEqual(spans("a `b<i>` and **c d**, 2 * 3 ** 4"), [
    { kind: "text", text: "a " },
    { kind: "code", text: "b<i>" },
    { kind: "text", text: " and " },
    { kind: "strong", text: "c d" },
    { kind: "text", text: ", 2 * 3 ** 4" },
  ]);
});

for (const [name, source] of [
  ["backticks", "`".repeat(20_000)],
  ["stars", "*".repeat(20_000)],
  ["strong beginnings", "**a ".repeat(5_000)],
  ["spaces in a heading", `# ${" ".repeat(20_000)}#`],
  ["list items", "- a\n".repeat(10_000)],
  ["fences", "```\n".repeat(10_000)],
]) {
  test(`very many ${name} are read in no time`, () => {
    const began = performance.now();
    for (const block of blocks(source)) (block.items ?? [block.text]).forEach(spans);
    assert.ok(performance.now() - began < 1000, `${performance.now() - began} ms`);
  });
}
