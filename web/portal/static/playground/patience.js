// A model that is not there yet: ask again by itself, and tell meanwhile how far it is.

import { Refused } from "./asking.js";
import { State } from "./conversation.js";

// Only a model that is starting is waited for without end: its state is told all the while.
const MOST_TRIES = 6;
const LEAST_S = 1;
const MOST_S = 60;
const DEFAULT_S = 5;
const STEP_S = 1;
const STEPS_A_LOOK = 2;

/** The steps of a start, as people see them; each of the gateway's states belongs to one. */
export const STEPS = Object.freeze([
  { id: "asked", words: "Asked for", states: ["cold", "submitting", "stopping", "failing"] },
  { id: "queued", words: "In the queue", states: ["pending"] },
  { id: "loading", words: "Loading", states: ["starting"] },
  { id: "ready", words: "Ready", states: ["ready"] },
]);

/** The index of the step that a state belongs to; -1 for what is no start. */
export function stepOf(state) {
  return STEPS.findIndex((step) => step.states.includes(state));
}

/** Whether to ask again after this error, and when. `tries`: so often it was asked. */
export function verdict(error, tries) {
  if (!(error instanceof Refused)) return { again: false };
  const starting = error.code === "model_starting";
  const afterS = Math.min(Math.max(error.retryAfterS ?? DEFAULT_S, LEAST_S), MOST_S);
  const soon = (error.retryAfterS ?? 0) <= MOST_S;
  const wanted = error.shouldRetry ?? error.code === "rate_limit_exceeded";
  return { again: wanted && soon && (starting || tries < MOST_TRIES), starting, afterS };
}

/**
 * Have `turn` answered, however long its model takes. Ends with the turn ended, and throws nothing.
 *
 * io: ask() asks once (see `asking`), look() tells the model's progress or throws, wait(seconds)
 * ends early by throwing when `signal` is aborted, now() in milliseconds, changed() shows the turn.
 */
export async function answer(turn, io) {
  const began = io.now();
  for (let tries = 1; ; tries += 1) {
    const asked = io.now();
    try {
      for await (const happening of io.ask()) {
        if (turn.firstTokenMs === null && tries > 1) turn.waitedMs = asked - began;
        turn.take(happening, io.now() - asked);
        io.changed();
      }
      turn.end(State.DONE, io.now() - asked);
      return;
    } catch (error) {
      const next = verdict(error, tries);
      if (io.signal.aborted) return void turn.end(State.STOPPED);
      if (!next.again) return void turn.fail(error);
      if (!(await waited(turn, error, { ...next, began }, io))) return void turn.end(State.STOPPED);
      if (turn.waiting.state === "ready") turn.state = State.ASKED;
    } finally {
      io.changed();
    }
  }
}

/** Until it is worth asking again; false when it was stopped meanwhile. */
async function waited(turn, refused, { starting, afterS, began }, io) {
  const until = io.now() + afterS * 1000;
  turn.state = State.WAITING;
  turn.waiting = {
    starting,
    state: refused.error.state ?? "",
    words: refused.message,
    readyAt: refused.error.estimated_ready ?? null,
    startAt: refused.error.estimated_start ?? null,
    leftS: afterS,
    waitedS: 0,
  };
  for (let step = 0; io.now() < until; step += 1) {
    if (starting && step % STEPS_A_LOOK === 0 && (await look(turn, io)) && step > 0) return true;
    turn.waiting.leftS = Math.max(0, Math.ceil((until - io.now()) / 1000));
    turn.waiting.waitedS = Math.round((io.now() - began) / 1000);
    io.changed();
    try {
      await io.wait(Math.min(STEP_S, (until - io.now()) / 1000));
    } catch {
      return false;
    }
  }
  return !io.signal.aborted;
}

/** Note how far the model is; true when that is worth asking again at once. */
async function look(turn, io) {
  try {
    const seen = await io.look();
    Object.assign(turn.waiting, {
      state: seen.state,
      words: seen.words,
      readyAt: seen.estimated_ready,
      startAt: seen.estimated_start,
    });
    return seen.state === "ready" || seen.given_up;
  } catch {
    // What was told before stands, and asking again tells the rest.
    return false;
  }
}
