// How the conversation looks: nodes made from its data. What a model wrote is only ever text.

import { ending, figures, State } from "./conversation.js";
import { blocks, spans } from "./markup.js";
import { stepOf, STEPS } from "./patience.js";

const TAGS = { text: "span", code: "code", strong: "strong" };

/** An element with classes, attributes and children (nodes or text). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Shows one turn; `update` after each change of it. */
export class TurnView {
  #shown = []; // the blocks that stand there, as JSON
  #below = ""; // likewise

  constructor(turn, { retry }) {
    this.turn = turn;
    this.retry = retry;
    this.text = make("div", { class: "words" });
    this.thought = make("div", { class: "words" });
    this.thoughts = make(
      "details",
      { class: "thought", hidden: true },
      make("summary", {}, "What the model thought"),
      this.thought,
    );
    this.below = make("div", { class: "below" });
    this.answer = make(
      "article",
      { class: "turn answer", "aria-busy": "true" },
      make("h2", {}, turn.model),
      this.thoughts,
      this.text,
      this.below,
    );
    const question = make("div", { class: "words" }, paragraphs(turn.question));
    this.question = make("article", { class: "turn question" }, make("h2", {}, "You"), question);
  }

  update() {
    const { turn } = this;
    this.#showText();
    this.thoughts.hidden = !turn.thought;
    if (this.thought.textContent !== turn.thought) this.thought.textContent = turn.thought;
    const below = JSON.stringify([turn.state, turn.waiting, turn.problem, turn.finish, turn.usage]);
    if (below !== this.#below) {
      this.#below = below;
      this.below.replaceChildren(...this.#parts());
    }
    // Screen readers hear of an answer once it is there, not of each word.
    this.answer.setAttribute("aria-busy", String(turn.isRunning));
  }

  /** Only blocks that changed are made anew: those before the last never do. */
  #showText() {
    const wanted = blocks(this.turn.text);
    const texts = wanted.map((block) => JSON.stringify(block));
    let same = 0;
    while (same < texts.length && texts[same] === this.#shown[same]) same += 1;
    while (this.text.childNodes.length > same) this.text.lastChild.remove();
    this.text.append(...wanted.slice(same).map(nodeOf));
    this.#shown = texts;
  }

  #parts() {
    const { turn } = this;
    if (turn.state === State.ASKED) return [make("p", { class: "quiet" }, "Asking …")];
    if (turn.state === State.WAITING) return [progressOf(turn.waiting)];
    if (turn.state === State.STREAMING) return [];
    const ended = ending(turn);
    const told = figures(turn);
    return [
      ended && make("p", { class: "quiet" }, ended),
      turn.problem && this.#problem(turn.problem),
      told.length ? make("p", { class: "figures quiet" }, told.join(" · ")) : "",
      turn.text ? this.#copyButton() : "",
    ].filter(Boolean);
  }

  #problem({ message, status, code }) {
    const buttons = make("p", { class: "row" });
    if (status === 401) {
      buttons.append(make("a", { class: "button", href: "/login?next=/playground" }, "Log in again"));
    } else {
      const again = make("button", { type: "button" }, "Try again");
      again.addEventListener("click", () => this.retry(this.turn));
      buttons.append(again);
    }
    // Engines tell the status once more as their code.
    const told = typeof code === "string" ? `Status ${status}, ${code}` : `Status ${status}`;
    const mark = status ? make("p", { class: "mark" }, told) : null;
    const what = this.turn.text ? "The answer has no end. " : "No answer. ";
    return make("div", { class: "problem" }, make("p", {}, make("strong", {}, what), message), mark, buttons);
  }

  #copyButton() {
    const button = make("button", { type: "button", class: "quiet copy" }, "Copy");
    button.addEventListener("click", async () => {
      const copied = await navigator.clipboard?.writeText(this.turn.text).then(() => true, () => false);
      button.textContent = copied ? "Copied" : "Not copied: select the text";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    return button;
  }
}

/** How far a model is that is asked again by itself. */
export function progressOf(waiting) {
  const parts = make("div", { class: "progress" });
  if (waiting.starting) parts.append(stepsOf(waiting.state));
  parts.append(make("p", {}, waiting.words));
  for (const [words, at] of [["Expected to run from", waiting.startAt], ["Expected to be ready at", waiting.readyAt]]) {
    if (at) parts.append(make("p", { class: "quiet" }, `${words} ${localTime(at)}.`));
  }
  // It changes each second: nobody wants to have that read out.
  const again = `Waiting for ${duration(waiting.waitedS)}. It is asked again by itself in ${waiting.leftS} s${
    waiting.starting ? ", or as soon as it is ready" : ""
  }.`;
  parts.append(make("p", { class: "quiet", "aria-hidden": "true" }, again));
  return parts;
}

function duration(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function stepsOf(state) {
  const now = stepOf(state);
  const list = make("ol", { class: "steps", "aria-label": "How far the model is" });
  STEPS.forEach(({ words }, at) => {
    const mark = at < now ? "done" : at === now ? "now" : "next";
    const told = { done: " (done)", now: " (now)", next: "" }[mark];
    const current = mark === "now" ? "step" : null;
    list.append(make("li", { class: mark, "aria-current": current }, words, make("span", { class: "sr" }, told)));
  });
  return list;
}

function localTime(iso) {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  const style = isToday ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(undefined, style).format(at);
}

function nodeOf(block) {
  switch (block.kind) {
    case "code":
      return make("pre", { tabindex: "0", "data-language": block.language || null }, make("code", {}, block.text));
    case "heading":
      return make("p", { class: "heading" }, ...inline(block.text));
    case "list":
      return make(
        block.ordered ? "ol" : "ul",
        { start: block.ordered && block.start !== 1 ? String(block.start) : null },
        ...block.items.map((item) => make("li", {}, ...inline(item))),
      );
    default:
      return make("p", {}, ...inline(block.text));
  }
}

function inline(text) {
  return spans(text).map(({ kind, text: words }) =>
    kind === "text" ? document.createTextNode(words) : make(TAGS[kind], {}, words),
  );
}

function paragraphs(text) {
  const all = document.createDocumentFragment();
  for (const part of text.split(/\n{2,}/)) all.append(make("p", {}, part));
  return all;
}
