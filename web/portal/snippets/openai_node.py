"""The OpenAI client for Node."""

from web.portal.snippets import quoting
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, RETRIES, Aim, File, Snippet, fill

_ASK = """\
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: «base_url»,
  apiKey: process.env.«key»,
  maxRetries: «retries», // waits while the model starts
});
const stream = await client.chat.completions.create({
  model: «model»,
  messages: [{ role: "user", content: «question» }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
console.log();
"""


def render(aim: Aim) -> Snippet:
    text = fill(
        _ASK,
        base_url=quoting.javascript(aim.base_url),
        model=quoting.javascript(aim.model),
        question=quoting.javascript(QUESTION),
        key=KEY_VARIABLE,
        retries=RETRIES,
    )
    return Snippet(
        "npm install openai",
        (File("ask.mjs", "JavaScript", text),),
        "node ask.mjs",
        ("TypeScript takes the same lines. Never in a web page: the key would be everybody's.",),
    )
