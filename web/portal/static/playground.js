// The playground: a conversation with a model, in this page's memory only.

import { ask, requestFor } from "./playground/asking.js";
import { Conversation, figures, State } from "./playground/conversation.js";
import { answer } from "./playground/patience.js";
import { find } from "./playground/choosing.js";
import { TurnView } from "./playground/view.js";

const NEAR_PX = 120;
const PROGRESS = "/playground/progress";

const parameters = document.getElementById("parameters");
const models = document.getElementById("model");
const filter = document.getElementById("model-filter");
const about = document.getElementById("model-state");
const log = document.getElementById("conversation");
const blank = document.getElementById("conversation-empty");
const form = document.getElementById("ask");
const box = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const anew = document.getElementById("anew");
const spoken = document.getElementById("spoken");

const conversation = new Conversation();
const views = new Map();
let running = null; // the AbortController of the answer that is under way

/** Ends early, by throwing, when the signal is aborted. */
function wait(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stopped = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", stopped); resolve(); }, seconds * 1000);
    signal.addEventListener("abort", stopped, { once: true });
  });
}

async function progressOf(model, signal) {
  const told = await fetch(`${PROGRESS}?model=${encodeURIComponent(model)}`, { cache: "no-store", signal });
  if (!told.ok) throw new Error(`status ${told.status}`);
  return told.json();
}

function settings() {
  const number = (name) => {
    const text = parameters.elements[name].value.trim();
    return text === "" ? null : Number(text);
  };
  return {
    model: models.value,
    system: parameters.elements.system.value,
    temperature: number("temperature"),
    maxTokens: number("max_tokens"),
  };
}

async function run(turn) {
  const { signal } = (running = new AbortController());
  const chosen = { ...settings(), model: turn.model };
  const body = requestFor(chosen, conversation.messagesFor(turn, chosen.system));
  const { csrf } = document.body.dataset;
  showRunning();
  await answer(turn, {
    ask: () => ask(body, { csrf, signal }),
    look: async () => {
      const seen = await progressOf(turn.model, signal);
      if (models.value === turn.model) about.textContent = seen.words;
      return seen;
    },
    wait: (seconds) => wait(seconds, signal),
    now: () => performance.now(),
    changed: () => show(turn),
    signal,
  });
  running = null;
  show(turn);
  showRunning();
  lookAtModel();
}

function start() {
  const question = box.value.trim();
  if (running || !question || !models.value || !parameters.reportValidity()) return;
  box.value = "";
  const turn = conversation.ask(question, models.value);
  const view = new TurnView(turn, { retry });
  views.set(turn, view);
  log.append(view.question, view.answer);
  blank.hidden = true;
  view.update();
  view.question.scrollIntoView({ block: "nearest" });
  run(turn);
}

function retry(turn) {
  if (running) return;
  turn.restart();
  box.focus();
  run(turn);
}

// As often as the screen is drawn, however fast the pieces come.
let due = null;
function show(turn) {
  due ??= requestAnimationFrame(() => {
    due = null;
    const page = document.documentElement;
    const atEnd = page.scrollHeight - page.clientHeight - page.scrollTop < NEAR_PX;
    for (const each of conversation.turns.slice(-2)) views.get(each).update();
    views.get(turn)?.update();
    if (atEnd) page.scrollTop = page.scrollHeight;
    speak(turn);
  });
}

/** The little that is told to who cannot see the page change. */
function speak(turn) {
  const words = {
    [State.ASKED]: "Asking.",
    [State.WAITING]: turn.waiting?.words ?? "",
    [State.STREAMING]: "The answer is being written.",
    [State.DONE]: `The answer is complete. ${figures(turn).join(", ")}`,
    [State.STOPPED]: "Stopped.",
    [State.FAILED]: turn.problem?.message ?? "",
  }[turn.state];
  if (spoken.textContent !== words) spoken.textContent = words;
}

function showRunning() {
  const isRunning = running !== null;
  stop.hidden = !isRunning;
  send.hidden = isRunning;
  anew.hidden = isRunning || conversation.turns.length === 0;
}

function clear() {
  conversation.clear();
  views.clear();
  log.replaceChildren(blank);
  blank.hidden = false;
  showRunning();
  box.focus();
}

let looked = 0;
async function lookAtModel() {
  const mine = (looked += 1);
  const model = models.value;
  const told = model && (await progressOf(model).catch(() => null));
  if (mine === looked) about.textContent = told ? told.words : "";
}

function narrow() {
  const found = find(all, filter.value, models.value);
  models.replaceChildren(
    ...found.map(({ label, options }) => {
      const group = document.createElement("optgroup");
      group.label = label;
      group.append(...options.map(({ name, words, chosen }) => new Option(words, name, false, chosen)));
      return group;
    }),
  );
  lookAtModel();
}

const all = [...models.querySelectorAll("optgroup")].map((group) => ({
  label: group.label,
  options: [...group.children].map((option) => ({ name: option.value, words: option.text })),
}));

form.addEventListener("submit", (event) => { event.preventDefault(); start(); });
parameters.addEventListener("submit", (event) => event.preventDefault());
stop.addEventListener("click", () => { running?.abort(); box.focus(); });
anew.addEventListener("click", clear);
models.addEventListener("change", lookAtModel);
filter?.addEventListener("input", narrow);
box.addEventListener("keydown", (event) => {
  // While a word is being composed (Japanese, Chinese), Enter ends the word.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  start();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running) running.abort();
});
lookAtModel();
