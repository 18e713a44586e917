import assert from "node:assert/strict";
import { test } from "node:test";

import { find } from "../static/playground/choosing.js";

const named = (...names) => names.map((name) => ({ name, words: name }));
const GROUPS = [
  { label: "Ready now", options: named("lab/Llama-8B", "lab/Qwen-7B") },
  { label: "Not running", options: named("lab/Llama-70B") },
];

const shown = (groups) => groups.flatMap(({ options }) => options.map(({ name, chosen }) => (chosen ? `>${name}` : name)));

test("nothing asked for is everything, and the choice stays", () => {
  assert.deepEqual(shown(find(GROUPS, "  ", "lab/Qwen-7B")), ["lab/Llama-8B", ">lab/Qwen-7B", "lab/Llama-70B"]);
});

test("every word must be somewhere in the name", () => {
  assert.deepEqual(shown(find(GROUPS, "70 LLAMA")), [">lab/Llama-70B"]);
});

test("when the choice is gone, the first that is left is chosen", () => {
  assert.deepEqual(shown(find(GROUPS, "llama", "lab/Qwen-7B")), [">lab/Llama-8B", "lab/Llama-70B"]);
});

test("groups without a match are left out, and nothing may be left", () => {
  assert.deepEqual(find(GROUPS, "70").map(({ label }) => label), ["Not running"]);
  assert.deepEqual(find(GROUPS, "mistral"), []);
});
