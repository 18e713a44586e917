import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, Away, BrokenOff, happenings, PATH, Refused, requestFor } from "../static/playground/asking.js";

const CHUNKS = [
  '{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}',
  '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
];
const BODY = { model: "m", messages: [], stream: true };

function answering(text, { status = 200, headers = {} } = {}) {
  const seen = [];
  const fetch = async (path, options) => {
    seen.push([path, options]);
    return new Response(text, { status, headers });
  };
  return { fetch, seen };
}

const streamed = (chunks) => chunks.map((chunk) => `data: ${chunk}\n\n`).join("");

async function all(fetch, more = {}) {
  const found = [];
  for await (const happening of ask(BODY, { csrf: "c", fetch, ...more })) found.push(happening);
  return found;
}

test("an answer comes in pieces, then its reason to end, then its usage", async () => {
  const { fetch } = answering(streamed([...CHUNKS, "[DONE]"]));
  assert.deepEqual(await all(fetch), [
    { text: "Hel" },
    { text: "lo" },
    { finish: "stop" },
    { usage: { prompt_tokens: 3, completion_tokens: 2 } },
  ]);
});

test("what is sent is JSON to the playground's own path, with the token of the session", async () => {
  const { fetch, seen } = answering(streamed(["[DONE]"]));
  await all(fetch, { csrf: "abc" });
  const [[path, { method, headers, body }]] = seen;
  assert.equal(path, PATH);
  assert.equal(method, "POST");
  assert.equal(headers["X-CSRF-Token"], "abc");
  assert.deepEqual(JSON.parse(body), BODY);
});

test("parameters that are left empty are not sent", () => {
  const plain = requestFor({ model: "m", temperature: null, maxTokens: null }, []);
  assert.ok(!("temperature" in plain) && !("max_tokens" in plain));
  const full = requestFor({ model: "m", temperature: 0, maxTokens: 5 }, []);
  assert.equal(full.temperature, 0);
  assert.equal(full.max_tokens, 5);
  assert.deepEqual(full.stream_options, { include_usage: true });
});

test("a refusal tells status, code, words, and when to ask again", async () => {
  const error = { message: "It loads.", type: "t", param: null, code: "model_starting", state: "starting" };
  const headers = { "Retry-After": "7", "x-should-retry": "true" };
  const { fetch } = answering(JSON.stringify({ error }), { status: 503, headers });
  await assert.rejects(all(fetch), (refused) => {
    assert.ok(refused instanceof Refused);
    const { status, code, message, retryAfterS, shouldRetry } = refused;
    const told = { status, code, message, retryAfterS, shouldRetry };
    const wanted = { status: 503, code: "model_starting", message: "It loads.", retryAfterS: 7, shouldRetry: true };
    assert.deepEqual(told, wanted);
    assert.equal(refused.error.state, "starting");
    return true;
  });
});

for (const body of ["<html>", '{"error":"in words"}', "{}", "null", ""]) {
  test(`a refusal whose body is ${JSON.stringify(body)} is told in words too`, async () => {
    const { fetch } = answering(body, { status: 500 });
    await assert.rejects(all(fetch), (refused) => refused instanceof Refused && refused.message.length > 5);
  });
}

test("a stream that ends without its end is an answer that broke off", async () => {
  await assert.rejects(all(answering(streamed(CHUNKS)).fetch), BrokenOff);
});

test("an error inside the stream is told in its own words", async () => {
  const { fetch } = answering(streamed([CHUNKS[1], '{"error":{"message":"the engine left"}}']));
  await assert.rejects(all(fetch), (error) => error instanceof BrokenOff && error.message === "the engine left");
});

test("a stream whose connection breaks is an answer that broke off", async () => {
  const stream = new ReadableStream({
    pull(controller) { controller.error(new TypeError("network error")); },
  });
  await assert.rejects(all(async () => new Response(stream)), BrokenOff);
});

test("a gateway that nobody can reach is away", async () => {
  await assert.rejects(all(async () => { throw new TypeError("Failed to fetch"); }), Away);
});

test("what aborting throws is passed on", async () => {
  const controller = new AbortController();
  controller.abort();
  const fetch = async (_, { signal }) => { throw signal.reason; };
  await assert.rejects(all(fetch, { signal: controller.signal }), { name: "AbortError" });
});

test("what a model thinks is told apart from what it says, by either name", () => {
  assert.deepEqual(happenings('{"choices":[{"delta":{"reasoning":"hm"}}]}'), [{ thought: "hm" }]);
  assert.deepEqual(happenings('{"choices":[{"delta":{"reasoning_content":"hm","content":"so"}}]}'), [
    { thought: "hm" },
    { text: "so" },
  ]);
});

test("junk in a stream is no answer", () => {
  assert.throws(() => happenings("<html>"), BrokenOff);
  assert.deepEqual(happenings("null"), []);
});
