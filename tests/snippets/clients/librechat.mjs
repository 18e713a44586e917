// Reads librechat.yaml and the environment as LibreChat does, asks what it asks, prints what it got.
import fs from "node:fs";
import { Constants, configSchema, extractEnvVariable } from "librechat-data-provider";
import yaml from "js-yaml";
import OpenAI from "openai";

const config = configSchema.strict().parse(yaml.load(fs.readFileSync("librechat.yaml", "utf8")));
const [endpoint] = config.endpoints.custom;
const baseURL = extractEnvVariable(endpoint.baseURL);
const apiKey = extractEnvVariable(endpoint.apiKey);
const listed = await fetch(`${baseURL}/models`, {
  headers: { Authorization: `Bearer ${apiKey}`, ...endpoint.headers },
  signal: AbortSignal.timeout(5000),
}).then((answer) => answer.json());

// The model is cold: the endpoint's own headers are all that waits for it.
const client = new OpenAI({
  baseURL, apiKey, maxRetries: 0, defaultHeaders: endpoint.headers,
});
const [model] = endpoint.models.default;
const stream = await client.chat.completions.create({
  model, stream: true, user: "65f0c0ffee", temperature: 1, top_p: 1,
  presence_penalty: 0, frequency_penalty: 0,
  messages: [{ role: "user", content: process.env.QUESTION }],
});
const pieces = [];
for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta?.content ?? "");
const title = await client.chat.completions.create({
  model, messages: [{ role: "user", content: "Give this talk a title." }],
});
console.log(JSON.stringify({
  newest: Constants.CONFIG_VERSION === config.version,
  models: listed.data.map((each) => each.id),
  model,
  answer: pieces.join(""),
  title: title.choices[0].message.content,
}));
