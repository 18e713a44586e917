import assert from "node:assert/strict";
import { test } from "node:test";

import { EventReader, eventsIn } from "../static/playground/sse.js";

const TEXT = ': waiting\n\ndata: {"a":1}\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\ndata: é\r\rdata: [DONE]\n\n';
const EVENTS = ['{"a":1}', "two\nlines", "é", "[DONE]"];

function streamOf(pieces) {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

async function all(stream) {
  const found = [];
  for await (const data of eventsIn(stream)) found.push(data);
  return found;
}

test("events come out whole, whatever ends their lines", () => {
  assert.deepEqual(new EventReader().feed(TEXT), EVENTS);
});

test("however the text is cut in two, the events are the same", () => {
  for (let at = 0; at <= TEXT.length; at += 1) {
    const reader = new EventReader();
    assert.deepEqual([...reader.feed(TEXT.slice(0, at)), ...reader.feed(TEXT.slice(at))], EVENTS, `at ${at}`);
  }
});

test("letter by letter, the events are the same", () => {
  const reader = new EventReader();
  assert.deepEqual([...TEXT].flatMap((letter) => reader.feed(letter)), EVENTS);
});

test("a comment, an event without data and one without its empty line are none", () => {
  assert.deepEqual(new EventReader().feed(": ping\n\nevent: x\n\nid: 3\n\ndata: half"), []);
});

test("a member that only begins like data is not data", () => {
  assert.deepEqual(new EventReader().feed("database: x\ndata: y\n\n"), ["y"]);
});

test("letters of several bytes may be cut anywhere between two pieces of a stream", async () => {
  const bytes = new TextEncoder().encode("data: 日本語 🙂\n\n");
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.deepEqual(await all(streamOf([bytes.slice(0, at), bytes.slice(at)])), ["日本語 🙂"], `at ${at}`);
  }
});

test("who stops listening ends the stream", async () => {
  let cancelled = false;
  const stream = new ReadableStream({
    pull(controller) { controller.enqueue(new TextEncoder().encode("data: again\n\n")); },
    cancel() { cancelled = true; },
  });
  for await (const data of eventsIn(stream)) {
    assert.equal(data, "again");
    break;
  }
  assert.ok(cancelled);
});
