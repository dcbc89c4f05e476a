import { once } from "node:events";
import { createServer } from "node:http";
import { openai } from "@millrace/openai";
import { startSimulator } from "@millrace/simulator";
import { Agent, tool } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { agentChain, Ensemble, EventToken, llmAgent } from "../src/index.ts";

const owner = { userId: "u1", chatId: "c1" };

test("a model behind HTTP calls its tools and streams through a chain", async () => {
  await using simulator = await startSimulator();
  const getWeather = tool({
    name: "get_weather",
    description: "Get the weather for a city",
    input: z.object({ city: z.string() }),
    execute: ({ city }) => `Sunny in ${city}`,
  });
  const model = openai("simulated-small", { baseURL: simulator.baseURL, apiKey: "any" });
  const chain = agentChain([llmAgent(new Agent({ name: "helper", model, tools: [getWeather] }))]);
  await new Ensemble(owner).run(async () => {
    for await (const reply of chain.trigger("What is the weather in Tokyo?")) {
      const events: string[] = [];
      let tokens = 0;
      for await (const token of reply) {
        if (token instanceof EventToken) events.push(token.event.type);
        else tokens++;
      }
      expect(events).toEqual(["tool-call-start", "tool-result"]);
      expect(tokens).toBeGreaterThan(1);
      const message = await reply;
      expect(String(message)).toContain("Sunny in Tokyo");
      expect(message.get("model")).toBe("simulated-small");
    }
  });
});

test("a cancelled tree closes the connection to its model at once", async () => {
  const chunk = { id: "1", object: "chat.completion.chunk", created: 0, model: "m" };
  const delta = {
    ...chunk,
    choices: [{ index: 0, delta: { role: "assistant", content: "First" }, finish_reason: null }],
  };
  const closed: Promise<unknown>[] = [];
  const server = createServer((_, response) => {
    closed.push(once(response, "close"));
    response.writeHead(200, { "content-type": "text/event-stream" });
    // And nothing more, ever.
    response.write(`data: ${JSON.stringify(delta)}\n\n`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const model = openai("m", { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "any" });
  const ensemble = new Ensemble(owner);
  const reason = new Error("enough");
  const read = ensemble.run(async () => {
    for await (const reply of agentChain([llmAgent(new Agent({ name: "a", model }))]).trigger("Hi")) {
      for await (const token of reply) if (String(token) === "First") ensemble.cancel(reason);
    }
  });
  await expect(read).rejects.toBe(reason);
  await Promise.all(closed);
  expect(closed).toHaveLength(1);
  server.close();
});
