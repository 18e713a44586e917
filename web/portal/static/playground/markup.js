// The little of Markdown that models write most, as data: which is then shown as nodes, never HTML.

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(\S.*)$/;
const ITEM = /^ {0,6}(?:([-*+])|(\d{1,4})[.)])\s+(.*)$/;
// Bounded, so that no text takes long to read.
const INLINE = /(`{1,2})([^`]{1,500})\1|\*\*([^\s*](?:[^*]{0,300}[^\s*])?)\*\*/g;

/**
 * The blocks of a text: {kind: "code", language, text}, {kind: "heading", level, text},
 * {kind: "list", ordered, start, items}, {kind: "text", text}. A fence without an end is code up to the
 * end: so it looks while it is still being written.
 */
export function blocks(text) {
  const found = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; ) {
    const take = [codeAt, headingAt, listAt, textAt].find((each) => each.starts(lines[at]));
    const [block, next] = take(lines, at);
    if (block) found.push(block);
    at = next;
  }
  return found;
}

function codeAt(lines, at) {
  const [, fence, language] = FENCE.exec(lines[at]);
  const closes = (line) => line.trim().startsWith(fence) && !line.trim().slice(fence.length).trim();
  let end = at + 1;
  while (end < lines.length && !closes(lines[end])) end += 1;
  return [{ kind: "code", language, text: lines.slice(at + 1, end).join("\n") }, end + 1];
}
codeAt.starts = (line) => FENCE.test(line);

function headingAt(lines, at) {
  const [, marks, text] = HEADING.exec(lines[at]);
  return [{ kind: "heading", level: marks.length, text: text.trim() }, at + 1];
}
headingAt.starts = (line) => HEADING.test(line);

function listAt(lines, at) {
  const [, bullet, number] = ITEM.exec(lines[at]);
  const items = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const item = ITEM.exec(lines[end]);
    if (item && Boolean(item[1]) === Boolean(bullet)) items.push(item[3]);
    else if (!item && /^\s+\S/.test(lines[end])) items[items.length - 1] += `\n${lines[end].trim()}`;
    else break;
  }
  const ordered = !bullet;
  return [{ kind: "list", ordered, start: ordered ? Number(number) : 1, items }, end];
}
listAt.starts = (line) => ITEM.test(line);

function textAt(lines, at) {
  let end = at;
  const others = [codeAt, headingAt, listAt];
  const goesOn = (line) => line.trim() && !others.some((each) => each.starts(line));
  while (end < lines.length && goesOn(lines[end])) end += 1;
  const text = lines.slice(at, end).join("\n");
  return [text ? { kind: "text", text } : null, Math.max(end, at + 1)];
}
textAt.starts = () => true;

/** The parts of a line: {kind: "text" | "code" | "strong", text}. */
export function spans(text) {
  const found = [];
  let at = 0;
  const plain = (end) => {
    if (end > at) found.push({ kind: "text", text: text.slice(at, end) });
  };
  for (const match of text.matchAll(INLINE)) {
    plain(match.index);
    const [all, , code, strong] = match;
    found.push(code === undefined ? { kind: "strong", text: strong } : { kind: "code", text: code });
    at = match.index + all.length;
  }
  plain(text.length);
  return found;
}
