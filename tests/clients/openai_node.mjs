// Asks as users of openai-node do, and prints what they see.
import OpenAI from "openai";

const { BASE_URL, API_KEY, MODEL, COLD_MODEL, PROMPT } = process.env;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0 });
const ask = (model, stream) =>
  client.chat.completions.create({
    model, stream, max_tokens: 40, messages: [{ role: "user", content: PROMPT }],
  });

async function refusal(stream) {
  try {
    await ask(COLD_MODEL, stream);
  } catch (error) {
    return {
      kind: error.constructor.name,
      own: error instanceof OpenAI.InternalServerError && error instanceof OpenAI.APIError,
      status: error.status,
      code: error.code,
      message: error.message,
      retry_after: error.headers.get("retry-after"),
    };
  }
  return null;
}

const pieces = [];
for await (const chunk of await ask(MODEL, true)) {
  pieces.push(chunk.choices[0].delta.content ?? "");
}
console.log(JSON.stringify({
  chat: (await ask(MODEL, false)).choices[0].message.content,
  stream: pieces.filter(Boolean),
  refused: await refusal(false),
  refused_stream: await refusal(true),
}));
