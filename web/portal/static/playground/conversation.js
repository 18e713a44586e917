// What has been said. It lives in this page's memory and nowhere else.

/** How far an answer is. */
export const State = Object.freeze({
  ASKED: "asked", // nothing has come yet
  WAITING: "waiting", // it is asked again by itself (see `patience`)
  STREAMING: "streaming",
  DONE: "done",
  STOPPED: "stopped", // by the person who asked
  FAILED: "failed",
});

const RUNNING = new Set([State.ASKED, State.WAITING, State.STREAMING]);

/** One question and its answer. Times in milliseconds. */
export class Turn {
  constructor(question, model) {
    this.question = question;
    this.model = model;
    this.restart();
  }

  /** As if it had just been asked. */
  restart() {
    this.text = "";
    this.thought = "";
    this.state = State.ASKED;
    this.finish = null;
    this.usage = null;
    this.firstTokenMs = null;
    this.durationMs = null;
    this.waitedMs = 0;
    this.waiting = null; // see `patience`
    this.problem = null; // {message, status, code}
  }

  get isRunning() {
    return RUNNING.has(this.state);
  }

  /** Something came (see `asking`), so long after it was asked for. */
  take(happening, afterMs) {
    const { text, thought, finish, usage } = happening;
    if (text || thought) {
      this.state = State.STREAMING;
      this.waiting = null;
      this.firstTokenMs ??= afterMs;
    }
    this.text += text ?? "";
    this.thought += thought ?? "";
    this.finish = finish ?? this.finish;
    this.usage = usage ?? this.usage;
  }

  end(state, afterMs = null) {
    this.state = state;
    this.waiting = null;
    this.durationMs = afterMs;
  }

  fail(error) {
    this.end(State.FAILED);
    const { message, status = 0, code = null } = error;
    this.problem = { message, status, code };
  }
}

export class Conversation {
  turns = [];

  get last() {
    return this.turns.at(-1) ?? null;
  }

  ask(question, model) {
    const turn = new Turn(question, model);
    this.turns.push(turn);
    return turn;
  }

  clear() {
    this.turns = [];
  }

  /**
   * What is sent to have `turn` answered. Questions that got no answer are left out: most models
   * take questions and answers in turns only.
   */
  messagesFor(turn, system = "") {
    const messages = system.trim() ? [{ role: "system", content: system }] : [];
    for (const earlier of this.turns.slice(0, this.turns.indexOf(turn))) {
      if (!earlier.text) continue;
      messages.push({ role: "user", content: earlier.question });
      messages.push({ role: "assistant", content: earlier.text });
    }
    return [...messages, { role: "user", content: turn.question }];
  }
}

/** The figures of an answer, in words: what it took and how fast it was. */
export function figures(turn) {
  const told = [];
  const { usage, firstTokenMs, durationMs } = turn;
  if (turn.waitedMs) told.push(`waited ${seconds(turn.waitedMs)} for the model`);
  if (firstTokenMs !== null) told.push(`first token after ${seconds(firstTokenMs)}`);
  if (usage) {
    const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = usage;
    told.push(`${count(prompt)} in, ${count(completion)} out`);
    const writingMs = durationMs === null ? 0 : durationMs - firstTokenMs;
    if (completion > 1 && writingMs > 0) {
      const speed = ((completion - 1) / writingMs) * 1000;
      told.push(`${speed.toLocaleString("en", { maximumSignificantDigits: 3 })} tokens/s`);
    }
  }
  return told;
}

/** Why an answer ended early, if it did. */
export function ending(turn) {
  if (turn.state === State.STOPPED) return "Stopped.";
  if (turn.finish === "length") return "Cut off: it reached the most tokens it may have.";
  if (turn.finish === "content_filter") return "Cut off by the model's content filter.";
  return "";
}

function seconds(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toLocaleString("en", { maximumSignificantDigits: ms < 10000 ? 2 : 3 })} s`;
}

function count(tokens) {
  return `${tokens.toLocaleString("en")} ${tokens === 1 ? "token" : "tokens"}`;
}
