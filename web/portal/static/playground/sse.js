// Server-sent events, as engines stream them: text in, the data of whole events out.

/** Fed with text in pieces, however they are cut. An event without its empty line is none. */
export class EventReader {
  #rest = "";
  #data = [];

  /** The data of each event that this piece completes. */
  feed(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    return lines.map((line) => this.#take(line)).filter((data) => data !== null);
  }

  #take(line) {
    if (line === "") {
      const data = this.#data;
      this.#data = [];
      return data.length ? data.join("\n") : null;
    }
    const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line);
    if (name === "data") this.#data.push(value);
    return null;
  }
}

/** The data of the events in a stream of bytes. Who stops listening ends the stream. */
export async function* eventsIn(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const events = new EventReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* events.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
