import assert from "node:assert/strict";
import { test } from "node:test";

import { Away, BrokenOff, Refused } from "../static/playground/asking.js";
import { Conversation, State } from "../static/playground/conversation.js";
import { answer, stepOf, STEPS, verdict } from "../static/playground/patience.js";

const starting = (extra = {}, afterS = 30) =>
  new Refused(503, { code: "model_starting", message: "It starts.", state: "cold", ...extra }, afterS, true);
const refused = (status, code, afterS, should) => new Refused(status, { code, message: "no" }, afterS, should);

/** A gateway in which time passes only by waiting. `answers`: what each question brings. */
class World {
  seconds = 0;
  asked = [];
  looks = 0;
  shown = [];

  constructor(answers, { seen = () => ({ state: "pending", words: "queued" }), stopAfterS = Infinity } = {}) {
    this.answers = answers;
    this.seen = seen;
    this.stopAfterS = stopAfterS;
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.turn = new Conversation().ask("q", "m");
  }

  now = () => this.seconds * 1000;

  changed = () => {
    this.shown.push([this.turn.state, this.turn.waiting?.state ?? null]);
  };

  look = async () => {
    this.looks += 1;
    return this.seen(this.seconds);
  };

  wait = async (seconds) => {
    this.seconds += seconds;
    if (this.seconds < this.stopAfterS) return;
    this.controller.abort();
    throw this.signal.reason;
  };

  ask = async function* ask() {
    this.asked.push(this.seconds);
    const next = this.answers[Math.min(this.asked.length, this.answers.length) - 1];
    if (next instanceof Error) throw next;
    for (const happening of next) yield happening;
  }.bind(this);

  async run() {
    await answer(this.turn, this);
    return this.turn;
  }
}

test("an answer that comes at once needs no patience", async () => {
  const world = new World([[{ text: "yes" }]]);
  const turn = await world.run();
  assert.deepEqual([turn.state, turn.text, turn.waitedMs, world.looks], [State.DONE, "yes", 0, 0]);
});

test("a model that starts is asked again after Retry-After, without end", async () => {
  const world = new World([...Array(20).fill(starting()), [{ text: "yes" }]]);
  const turn = await world.run();
  assert.equal(turn.state, State.DONE);
  assert.deepEqual(world.asked.slice(0, 3), [0, 30, 60]);
  assert.equal(turn.waitedMs, 600_000);
});

test("a model that has become ready is asked again at once", async () => {
  const seen = (seconds) => ({ state: seconds < 8 ? "starting" : "ready", words: "w" });
  const world = new World([starting({}, 60), [{ text: "yes" }]], { seen });
  await world.run();
  assert.deepEqual(world.asked, [0, 8]);
});

test("how far the model is, is shown all the while", async () => {
  const seen = (seconds) => ({ state: ["pending", "pending", "starting", "starting"][seconds] ?? "ready", words: "w" });
  const world = new World([starting(), [{ text: "yes" }]], { seen });
  await world.run();
  const states = world.shown.map(([, state]) => state).filter((state, at, all) => state && state !== all[at - 1]);
  assert.deepEqual(states, ["pending", "starting", "ready"]);
});

test("a progress that cannot be asked for leaves what was told", async () => {
  const seen = () => { throw new Error("away"); };
  const world = new World([starting({ state: "starting" }, 3), [{ text: "yes" }]], { seen });
  const turn = await world.run();
  assert.equal(turn.state, State.DONE);
  assert.ok(world.shown.some(([, state]) => state === "starting"));
});

test("what waiting does not help is asked for once more, to hear the cause", async () => {
  const seen = () => ({ state: "failing", words: "broken", given_up: true });
  const lost = refused(503, "model_unavailable", null, false);
  const world = new World([starting({}, 60), lost], { seen });
  const turn = await world.run();
  assert.deepEqual([turn.state, world.asked], [State.FAILED, [0, 2]]);
});

test("stopping ends the wait at once", async () => {
  const world = new World([starting()], { stopAfterS: 5 });
  const turn = await world.run();
  assert.deepEqual([turn.state, world.asked, turn.waiting], [State.STOPPED, [0], null]);
});

test("stopping in the middle of an answer keeps what came", async () => {
  const world = new World([]);
  world.ask = async function* ask() {
    yield { text: "half" };
    world.controller.abort();
    throw world.signal.reason;
  };
  const turn = await world.run();
  assert.deepEqual([turn.state, turn.text, turn.problem], [State.STOPPED, "half", null]);
});

test("an overload is asked again a few times, then told", async () => {
  const world = new World([refused(503, "server_is_overloaded", 2, true)]);
  const turn = await world.run();
  assert.deepEqual([turn.state, turn.problem.code, world.asked.length], [State.FAILED, "server_is_overloaded", 6]);
  assert.equal(world.looks, 0);
});

test("an answer that broke off is told with what came of it, and not asked again", async () => {
  const world = new World([]);
  world.ask = async function* ask() {
    yield { text: "half" };
    throw new BrokenOff("broke off");
  };
  const turn = await world.run();
  assert.deepEqual([turn.state, turn.text, turn.problem.message], [State.FAILED, "half", "broke off"]);
});

for (const [words, error, again] of [
  ["a rate limit", refused(429, "rate_limit_exceeded", 20, null), true],
  ["a rate limit that says no", refused(429, "rate_limit_exceeded", 20, false), false],
  ["a quota", refused(429, "insufficient_quota", 7200, false), false],
  ["a quota that ends soon", refused(429, "insufficient_quota", 60, true), true],
  ["a broken model", refused(503, "model_unavailable", null, false), false],
  ["a bad request", refused(400, null, null, null), false],
  ["who is logged out", refused(401, "not_logged_in", null, null), false],
  ["a time-out", refused(504, "upstream_timeout", null, null), false],
  ["a gateway that is away", new Away("away"), false],
]) {
  test(`${words} is ${again ? "asked again" : "told"}`, () => {
    assert.equal(verdict(error, 1).again, again);
  });
}

test("nobody is asked more often than once a second, nor less often than once a minute", () => {
  assert.equal(verdict(starting({}, 0), 1).afterS, 1);
  assert.equal(verdict(starting({}, null), 1).afterS, 5);
  assert.equal(verdict(starting({}, 60), 1).afterS, 60);
});

test("each state of a model belongs to one step", () => {
  const states = ["cold", "submitting", "stopping", "failing", "pending", "starting", "ready"];
  assert.deepEqual(states.map(stepOf), [0, 0, 0, 0, 1, 2, 3]);
  assert.equal(stepOf("no such state"), -1);
  assert.equal(new Set(STEPS.flatMap((step) => step.states)).size, states.length);
});
