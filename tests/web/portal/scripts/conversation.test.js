import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation, ending, figures, State } from "../static/playground/conversation.js";

function answered(conversation, question, text, state = State.DONE) {
  const turn = conversation.ask(question, "m");
  if (text) turn.take({ text }, 5);
  turn.end(state, 20);
  return turn;
}

test("what is sent is the system prompt, what was said, and the question", () => {
  const conversation = new Conversation();
  answered(conversation, "one", "first");
  const turn = conversation.ask("two", "m");
  assert.deepEqual(conversation.messagesFor(turn, "Be brief."), [
    { role: "system", content: "Be brief." },
    { role: "user", content: "one" },
    { role: "assistant", content: "first" },
    { role: "user", content: "two" },
  ]);
});

test("an empty system prompt is none", () => {
  const conversation = new Conversation();
  assert.deepEqual(conversation.messagesFor(conversation.ask("hi", "m"), " \n"), [{ role: "user", content: "hi" }]);
});

test("a question without an answer is left out, half an answer is not", () => {
  const conversation = new Conversation();
  answered(conversation, "lost", "", State.FAILED);
  answered(conversation, "stopped", "half", State.STOPPED);
  const turn = conversation.ask("now", "m");
  assert.deepEqual(conversation.messagesFor(turn).map(({ content }) => content), ["stopped", "half", "now"]);
});

test("what comes after a question is not sent when that is asked again", () => {
  const conversation = new Conversation();
  const first = answered(conversation, "one", "1");
  answered(conversation, "two", "2");
  assert.deepEqual(conversation.messagesFor(first), [{ role: "user", content: "one" }]);
});

test("an answer grows piece by piece, and the first piece is timed", () => {
  const turn = new Conversation().ask("q", "m");
  turn.take({ thought: "hm" }, 100);
  turn.take({ text: "a" }, 150);
  turn.take({ text: "b" }, 160);
  turn.take({ usage: { prompt_tokens: 1, completion_tokens: 2 } }, 170);
  assert.deepEqual([turn.text, turn.thought, turn.firstTokenMs, turn.state], ["ab", "hm", 100, State.STREAMING]);
});

test("asking again forgets what came", () => {
  const turn = new Conversation().ask("q", "m");
  turn.take({ text: "a", finish: "length" }, 1);
  turn.fail(new Error("gone"));
  turn.restart();
  assert.deepEqual([turn.text, turn.finish, turn.problem, turn.firstTokenMs], ["", null, null, null]);
  assert.ok(turn.isRunning);
});

test("the figures tell what it took and how fast it was", () => {
  const turn = new Conversation().ask("q", "m");
  turn.take({ text: "a" }, 200);
  turn.take({ usage: { prompt_tokens: 1200, completion_tokens: 101 } }, 2200);
  turn.end(State.DONE, 2200);
  assert.deepEqual(figures(turn), ["first token after 200 ms", "1,200 tokens in, 101 tokens out", "50 tokens/s"]);
});

test("one token has no speed, and a wait for the model is told", () => {
  const turn = new Conversation().ask("q", "m");
  turn.waitedMs = 61_500;
  turn.take({ text: "a", usage: { prompt_tokens: 1, completion_tokens: 1 } }, 1234);
  turn.end(State.DONE, 1300);
  assert.deepEqual(figures(turn), [
    "waited 61.5 s for the model",
    "first token after 1.2 s",
    "1 token in, 1 token out",
  ]);
});

test("nothing is told of an answer that never came", () => {
  const turn = new Conversation().ask("q", "m");
  turn.fail(new Error("x"));
  assert.deepEqual(figures(turn), []);
});

test("an early end says why", () => {
  const turn = new Conversation().ask("q", "m");
  turn.take({ text: "a", finish: "length" }, 1);
  turn.end(State.DONE, 2);
  assert.match(ending(turn), /Cut off/);
  turn.end(State.STOPPED);
  assert.equal(ending(turn), "Stopped.");
});
