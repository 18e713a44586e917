// One question to the gateway: what its answer brings, piece by piece, or why there is none.

import { eventsIn } from "./sse.js";

export const PATH = "/playground/v1/chat/completions";
const DONE = "[DONE]";

/** The gateway or an engine said no. `error`: the envelope's members. */
export class Refused extends Error {
  constructor(status, error, retryAfterS, shouldRetry) {
    super(error.message || `The gateway answered with status ${status}.`);
    this.status = status;
    this.code = error.code ?? null;
    this.error = error;
    this.retryAfterS = retryAfterS;
    this.shouldRetry = shouldRetry;
  }
}

/** The answer began, and has no end. */
export class BrokenOff extends Error {}

/** Nobody answers at all. */
export class Away extends Error {}

/** What is sent for these messages; parameters that are left empty are the model's own. */
export function requestFor(settings, messages) {
  const body = {
    model: settings.model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  };
  if (settings.temperature !== null) body.temperature = settings.temperature;
  if (settings.maxTokens !== null) body.max_tokens = settings.maxTokens;
  return body;
}

/**
 * Yields {text}, {thought}, {finish} and {usage} as they come, and returns at the answer's true end.
 * Throws Refused, BrokenOff or Away; what aborting throws is the browser's.
 */
export async function* ask(body, { csrf, signal, fetch = globalThis.fetch }) {
  const answer = await sent(body, csrf, signal, fetch);
  if (!answer.ok) throw await refusal(answer);
  try {
    for await (const data of eventsIn(answer.body)) {
      if (data === DONE) return;
      yield* happenings(data);
    }
  } catch (error) {
    if (signal?.aborted || error instanceof BrokenOff) throw error;
    throw new BrokenOff("The connection broke off in the middle of the answer.");
  }
  throw new BrokenOff("The answer broke off before its end.");
}

async function sent(body, csrf, signal, fetch) {
  try {
    return await fetch(PATH, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Away("The gateway cannot be reached just now. Is the network there?");
  }
}

async function refusal(answer) {
  const told = (await answer.json().catch(() => null)) ?? {};
  // Some engines tell an error as a text.
  const error = typeof told.error === "string" ? { message: told.error } : told.error || {};
  const after = Number.parseFloat(answer.headers.get("Retry-After") ?? "");
  const should = answer.headers.get("x-should-retry");
  return new Refused(
    answer.status,
    error,
    Number.isFinite(after) ? after : null,
    should === null ? null : should === "true",
  );
}

/** What one event of the stream tells. */
export function happenings(data) {
  const chunk = parsed(data);
  if (chunk.error) throw new BrokenOff(chunk.error.message || String(chunk.error));
  const found = [];
  for (const { delta, finish_reason: finish } of chunk.choices || []) {
    const thought = delta?.reasoning ?? delta?.reasoning_content;
    if (thought) found.push({ thought });
    if (delta?.content) found.push({ text: delta.content });
    if (finish) found.push({ finish });
  }
  if (chunk.usage) found.push({ usage: chunk.usage });
  return found;
}

function parsed(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    throw new BrokenOff("The engine sent something that is no answer.");
  }
}
