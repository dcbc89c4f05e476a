// Millrace in the form of a runner: what a user writes, over the built packages (`npm run build`).
// A runner gives `apis`, `packages` (what a user of the first API imports) and `run(scenario, baseURL)`.
import { Agent, tool } from "millrace";
import { z } from "zod";
import { anthropic } from "../../anthropic/dist/index.js";
import { openai } from "../../openai/dist/index.js";

export const apis = ["chat", "responses", "anthropic"];
export const packages = ["millrace"];

const models = {
  chat: (id, baseURL) => openai(id, { apiKey: "k", baseURL: `${baseURL}/v1` }),
  responses: (id, baseURL) => openai.responses(id, { apiKey: "k", baseURL: `${baseURL}/v1` }),
  anthropic: (id, baseURL) => anthropic(id, { apiKey: "k", baseURL }),
};

// The same shapes as the scenarios' JSON Schemas, in the idiom of a user.
const inputs = {
  lookup: z.object({
    id: z.number().int(),
    query: z.string(),
    tags: z.array(z.string()),
    opts: z.object({ limit: z.number().int(), deep: z.boolean(), locale: z.string() }),
  }),
  write_file: z.object({ path: z.string(), content: z.string() }),
};

let agent;

export async function run(scenario, baseURL) {
  agent ??= new Agent({
    name: "bench",
    model: models[scenario.api](scenario.model, baseURL),
    instructions: scenario.system,
    maxTurns: scenario.maxTurns,
    tools: scenario.tools.map((entry) =>
      tool({
        name: entry.name,
        description: entry.description,
        input: inputs[entry.name],
        execute: (args) => entry.execute(args),
      }),
    ),
  });
  const history = scenario.history.map(({ role, content }) =>
    role === "user" ? { role, content } : { role, content: [{ type: "text", text: content }] },
  );
  let output;
  for await (const event of agent.respond(scenario.prompt, { userId: "u", chatId: "c", history })) {
    if (event.type === "text-delta") scenario.onText(event.text);
    else scenario.onEvent();
    if (event.type === "final") output = event.output;
  }
  return output;
}
