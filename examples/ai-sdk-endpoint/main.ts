// One agent for front ends that others have written: an endpoint for `useChat` of the AI SDK and one for clients of AG-UI. The
// requests are those that the real clients send; what comes back is printed.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createChatHandler } from "@millrace/server";
import { agUI } from "@millrace/server/ag-ui";
import { aiSDK, fromUIMessages } from "@millrace/server/ai-sdk";
import { nodeListener } from "@millrace/server/node";
import { Agent, tool } from "millrace";
import { SseParser } from "millrace/provider";
import { scriptedModel } from "millrace/testing";

const weather = tool({
  name: "weather",
  description: "The weather of a city",
  input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  execute: () => ({ sky: "clear", degrees: 22 }),
});

const answers = [
  { reasoning: "I need the weather.", toolCalls: [{ name: "weather", args: { city: "Rome" } }] },
  "The sky is clear.",
];
const agent = new Agent({ name: "guide", model: scriptedModel([...answers, ...answers]), tools: [weather] });

const users = new Map([["Bearer token-of-ada", "ada"]]);
const authenticate = (request: Request): string | undefined => users.get(request.headers.get("authorization") ?? "");
const handlers = new Map([
  ["/api/chat", createChatHandler(agent, { protocol: aiSDK(), authenticate })],
  ["/api/agent", createChatHandler(agent, { protocol: agUI(), authenticate })],
]);

const server = createServer(
  nodeListener((request) => {
    const handler = handlers.get(new URL(request.url).pathname);
    return handler ? handler(request) : new Response(null, { status: 404 });
  }),
);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function show(path: string, body: unknown): Promise<void> {
  const headers = { authorization: "Bearer token-of-ada", "content-type": "application/json" };
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  console.log(`\n${path}: ${response.status}`);
  const parser = new SseParser();
  for await (const bytes of response.body ?? []) for (const { data } of parser.push(bytes)) console.log(" ", data);
}

// What `useChat` sends: all that it shows. Of this, the server takes the newest message of the user.
const question = { id: "m1", role: "user", parts: [{ type: "text", text: "How is the weather in Rome?" }] };
await show("/api/chat", { id: "c1", messages: [question], trigger: "submit-message" });

// What `HttpAgent` sends.
await show("/api/agent", {
  threadId: "t1",
  runId: "r1",
  protocolVersion: "1.0",
  messages: [{ id: "m1", role: "user", content: "How is the weather in Rome?" }],
  tools: [],
  context: [],
  state: {},
  forwardedProps: {},
});

// A conversation that a client has kept, as our messages: valid for every provider, also where a page was left in mid-call.
const left = { type: "tool-weather", toolCallId: "call_1", state: "input-available", input: { city: "Rome" } };
const { messages } = fromUIMessages([question, { id: "m2", role: "assistant", parts: [{ type: "step-start" }, left] }]);
console.log("\nfrom a page that was closed:");
for (const message of messages) console.log(" ", JSON.stringify(message));

server.close();
server.closeAllConnections();
