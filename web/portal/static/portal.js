// What every page gets a little better by: copying, asking first, live parts, the viewer's own zone.
// Each page works without it.

const FORMS = {
  day: { dateStyle: "medium" },
  minute: { dateStyle: "medium", timeStyle: "short" },
  clock: { timeStyle: "short" },
};

/** Times in the viewer's zone; the exact one stays in the title. */
export function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const style = FORMS[time.dataset.style] || FORMS.minute;
    time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
    time.textContent = new Intl.DateTimeFormat(undefined, style).format(at);
    time.dataset.local = "";
  }
}

/** Buttons that copy the text of another element. */
export function copyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const source = document.querySelector(button.dataset.copy);
      const copied = await copy(source.value ?? source.textContent);
      if (!copied) selectText(source);
      button.textContent = copied ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https a browser keeps its clipboard to itself.
    const box = document.createElement("textarea");
    box.value = text;
    box.className = "sr";
    document.body.append(box);
    box.select();
    const copied = document.execCommand("copy");
    box.remove();
    return copied;
  }
}

function selectText(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

/** Forms that ask before they are sent. */
function askFirst(event) {
  const form = event.target;
  const question = form.dataset?.confirm;
  if (!question || form.dataset.sure) return;
  event.preventDefault();
  const button = event.submitter;
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  text.id = "dialog-question";
  dialog.setAttribute("aria-labelledby", text.id);
  const yes = document.createElement("button");
  yes.textContent = button?.textContent || "Yes";
  yes.className = "danger";
  yes.value = "yes";
  const no = document.createElement("button");
  no.textContent = "Cancel";
  no.className = "quiet";
  no.autofocus = true;
  const row = document.createElement("form");
  row.method = "dialog";
  row.className = "row";
  row.append(yes, no);
  dialog.append(text, row);
  dialog.addEventListener("close", () => {
    const sure = dialog.returnValue === "yes";
    dialog.remove();
    if (!sure) return button?.focus();
    form.dataset.sure = "yes";
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "sure";
    field.value = "yes";
    form.append(field);
    form.requestSubmit(button);
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Parts that are asked for again every few seconds, and swapped when they changed. */
export function liveParts(root) {
  for (const part of root.querySelectorAll("[data-live]")) watch(part);
}

function watch(part) {
  const every = Number(part.dataset.every || 5) * 1000;
  let etag = "";
  const look = async () => {
    if (!part.isConnected) return;
    if (!document.hidden && !isInUse(part)) etag = await refresh(part, etag);
    setTimeout(look, every);
  };
  setTimeout(look, every);
}

async function refresh(part, etag) {
  try {
    const headers = { "X-Requested-With": "fetch", Accept: "text/html" };
    if (etag) headers["If-None-Match"] = etag;
    const answer = await fetch(part.dataset.live, { headers, cache: "no-store" });
    if (answer.status === 401) location.reload();
    tellStale(part, !(answer.ok || answer.status === 304));
    if (answer.status !== 200) return etag;
    const html = await answer.text();
    // Asked for again later, as if it had not been seen.
    if (isInUse(part)) return etag;
    swap(part, html);
    return answer.headers.get("ETag") || "";
  } catch {
    tellStale(part, true);
    return etag;
  }
}

/** The gateway is away: what stands there is the last that was known. */
function tellStale(part, isStale) {
  const told = part.previousElementSibling?.matches(".stale") ? part.previousElementSibling : null;
  if (isStale === (told !== null)) return;
  if (told) return told.remove();
  const words = document.createElement("p");
  words.className = "notice warn stale";
  words.setAttribute("role", "status");
  words.textContent =
    "This may be out of date: the gateway does not answer just now. It is asked again by itself.";
  part.before(words);
}

function swap(part, html) {
  // What was opened stays open.
  const open = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
  part.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  improve(part);
}

/** Nobody's focus, selection or open question is taken away. */
function isInUse(part) {
  if (part.contains(document.activeElement)) return true;
  if (document.querySelector("dialog[open]")) return true;
  const selection = getSelection();
  return selection.type === "Range" && part.contains(selection.anchorNode);
}

/** Choices that take effect at once, with a button for those without JavaScript. */
function sendAtOnce(event) {
  const form = event.target.form;
  if (form?.matches("[data-at-once]")) form.requestSubmit();
}

/** What is wider than its place can be scrolled with the keyboard; the rest is no stop of Tab. */
export function scrollable(root) {
  for (const place of root.querySelectorAll(".table, .chart-scroll")) {
    const scrolls = place.scrollWidth > place.clientWidth || place.scrollHeight > place.clientHeight;
    if (!scrolls) {
      place.removeAttribute("tabindex");
      continue;
    }
    place.tabIndex = 0;
    place.setAttribute("role", "region");
    place.setAttribute("aria-label", place.querySelector("caption")?.textContent.trim() || "Table");
  }
}

function improve(root) {
  localTimes(root);
  copyButtons(root);
  scrollable(root);
  for (const button of root.querySelectorAll("[data-at-once] button.apply")) button.hidden = true;
}

document.documentElement.classList.add("js");
document.addEventListener("submit", askFirst);
document.addEventListener("change", sendAtOnce);
addEventListener("resize", () => scrollable(document));
document.addEventListener("toggle", (event) => scrollable(event.target), true);
improve(document);
liveParts(document);
