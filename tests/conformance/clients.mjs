// Asks the gateway through the official Node SDKs and says what they understood; see clients.py for the lines it reads and
// writes.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { createInterface } from "node:readline";

const [url, key] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 30_000 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 30_000 });
const messages = [{ role: "user", content: "hello" }];

function parsed(value) {
  if (typeof value !== "string") return value;
  if (["", "null"].includes(value.trim())) return {};
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const said = (text, calls, input, output) => ({
  text,
  calls: calls.map(([name, value]) => [name, parsed(value)]),
  usage: input === undefined ? null : { input, output },
});

async function chat(model, stream) {
  if (stream) {
    // The SDK's own accumulator, which is strict about the order of chunks.
    const events = openai.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    const answer = await events.finalChatCompletion();
    return completion(answer);
  }
  return completion(await openai.chat.completions.create({ model, messages }));
}

function completion(answer) {
  const message = answer.choices[0].message;
  const calls = (message.tool_calls ?? []).map((call) =>
    call.type === "custom" ? [call.custom.name, call.custom.input] : [call.function.name, call.function.arguments],
  );
  return said(message.content ?? "", calls, answer.usage?.prompt_tokens, answer.usage?.completion_tokens);
}

async function responses(model, stream) {
  if (!stream) return response(await openai.responses.create({ model, input: "hello" }));
  let last;
  for await (const event of await openai.responses.create({ model, input: "hello", stream: true })) {
    if (["response.completed", "response.incomplete", "response.failed"].includes(event.type)) last = event.response;
    if (event.type === "error") throw new Error(event.message);
  }
  return response(last);
}

function response(answer) {
  const calls = [];
  let text = "";
  for (const item of answer.output) {
    if (item.type === "function_call") calls.push([item.name, item.arguments]);
    if (item.type === "custom_tool_call") calls.push([item.name, item.input]);
    for (const part of item.type === "message" ? item.content : []) if (part.type === "output_text") text += part.text;
  }
  return said(text, calls, answer.usage?.input_tokens, answer.usage?.output_tokens);
}

async function anthropicMessages(model, stream) {
  const ask = { model, max_tokens: 1000, messages };
  const answer = stream ? await anthropic.messages.stream(ask).finalMessage() : await anthropic.messages.create(ask);
  const text = answer.content.filter((block) => block.type === "text").map((block) => block.text);
  const calls = answer.content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input]);
  const { input_tokens: plain, output_tokens: output, ...cache } = answer.usage;
  const cached = (cache.cache_read_input_tokens ?? 0) + (cache.cache_creation_input_tokens ?? 0);
  return said(text.join(""), calls, plain + cached, output);
}

const text = (value) => said(String(value), [], undefined, undefined);

async function images(model) {
  const answer = await openai.images.generate({ model, prompt: "hello" });
  return text(answer.data.map((image) => (image.b64_json ?? "").length + (image.url ?? "").length).join(" "));
}

async function moderations(model) {
  const answer = await openai.moderations.create({ model, input: "hello" });
  return text(answer.results.map((result) => result.flagged).join(" "));
}

async function models(list, prefix) {
  const names = [];
  for await (const model of list) if (model.id.startsWith(prefix)) names.push(model.id);
  return text(names.sort().join(" "));
}

const clients = {
  "openai.images": images,
  "openai.moderations": moderations,
  "openai.count_tokens": async (model) =>
    text((await openai.responses.inputTokens.count({ model, input: "hello" })).input_tokens),
  "anthropic.count_tokens": async (model) => text((await anthropic.messages.countTokens({ model, messages })).input_tokens),
  "openai.models": (prefix) => models(openai.models.list(), prefix),
  "anthropic.models": (prefix) => models(anthropic.models.list({ limit: 1000 }), prefix),
  "openai.chat": chat,
  "openai.responses": responses,
  "anthropic.messages": anthropicMessages,
};

const running = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  const { case: number, client, model, stream } = JSON.parse(line);
  const call = clients[client];
  const answer = call ? call(model, stream) : Promise.resolve({ skipped: "this SDK has no such call" });
  const done = answer
    .catch((error) => ({ error: `${error?.name}: ${error?.message}`.slice(0, 500) }))
    .then((result) => console.log(JSON.stringify({ case: number, ...result })))
    .finally(() => running.delete(done));
  running.add(done);
  if (running.size >= 4) await Promise.race(running);
}
await Promise.all(running);
