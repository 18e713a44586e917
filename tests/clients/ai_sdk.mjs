// Asks as users of the Vercel AI SDK do, and prints what they see.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";

const { BASE_URL, API_KEY, MODEL, COLD_MODEL, PROMPT, FACE } = process.env;
const settings = { name: "kscope", baseURL: BASE_URL, apiKey: API_KEY };
const model = {
  "openai-compatible": createOpenAICompatible(settings),
  "openai-chat": createOpenAI(settings).chat,
  "openai-responses": createOpenAI(settings),
}[FACE];
const question = (name) => ({
  model: model(name), prompt: PROMPT, maxOutputTokens: 40, maxRetries: 0,
});

async function streamed(name) {
  const pieces = [];
  for await (const part of streamText({ ...question(name), onError() {} }).fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "text-delta") pieces.push(part.text);
  }
  return pieces.filter(Boolean);
}

async function refusal(asked) {
  try {
    await asked(COLD_MODEL);
  } catch (error) {
    return {
      kind: error.constructor.name,
      own: APICallError.isInstance(error) && error.isRetryable,
      status: error.statusCode,
      code: error.data?.error?.code,
      message: error.message,
      retry_after: error.responseHeaders?.["retry-after"],
    };
  }
  return null;
}

const generated = async (name) => (await generateText(question(name))).text;
console.log(JSON.stringify({
  chat: await generated(MODEL),
  stream: await streamed(MODEL),
  refused: await refusal(generated),
  refused_stream: await refusal(streamed),
}));
