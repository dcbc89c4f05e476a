// An agent behind HTTP: a chat endpoint and its client in one process. The client loses its connection in mid-answer, reads on
// from the event after the last one it has, asks again, and stops an answer.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createChatHandler, memoryEventLog } from "@millrace/server";
import { nodeListener } from "@millrace/server/node";
import { Agent, type AgentEvent } from "millrace";
import { SseParser } from "millrace/provider";
import { scriptedModel } from "millrace/testing";
import { WireDecoder } from "millrace/wire";

const agent = new Agent({
  name: "guide",
  model: scriptedModel(
    [
      "A mill race is the channel that leads the water of a stream to the wheel of a mill.",
      ({ messages }) => `You have asked ${messages.filter(({ role }) => role === "user").length} questions so far.`,
      "This answer is long, and nobody wants to read it to its very end.",
    ],
    { delayMs: 10 },
  ),
});

// The server. Who asks is known from the request's token, never from its body.
const users = new Map([["Bearer token-of-ada", "ada"]]);
const handler = createChatHandler(agent, {
  authenticate: (request) => users.get(request.headers.get("authorization") ?? ""),
  log: memoryEventLog(),
});
const server = createServer(nodeListener(handler));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/chat`;

// The client, by hand; @millrace/client does all of this by itself.
const headers = { authorization: "Bearer token-of-ada", "content-type": "application/json" };

function ask(input: string): Promise<Response> {
  return fetch(url, { method: "POST", headers, body: JSON.stringify({ chatId: "c1", input }) });
}

async function* read(response: Response, decoder: WireDecoder): AsyncGenerator<AgentEvent> {
  const parser = new SseParser();
  for await (const bytes of response.body ?? []) {
    for (const { data } of parser.push(bytes)) yield decoder.decode(JSON.parse(data));
  }
}

async function textOf(events: AsyncIterable<AgentEvent>): Promise<string> {
  let text = "";
  for await (const event of events) if (event.type === "text-delta") text += event.text;
  return text;
}

console.log("without a token:", (await fetch(url, { method: "POST" })).status);

const response = await ask("What is a mill race?");
const run = response.headers.get("x-run-id");
const decoder = new WireDecoder();
let begun = "";
let last = 0;
for await (const event of read(response, decoder)) {
  last = event.seq;
  if (event.type === "text-delta") begun += event.text;
  if (begun.length > 30) break; // the network is gone
}
console.log("before it was lost:", begun);

const again = await fetch(`${url}?run=${run}`, { headers: { ...headers, "last-event-id": String(last) } });
console.log("after it:         ", await textOf(read(again, decoder)));

console.log("the next answer:  ", await textOf(read(await ask("How many was that?"), new WireDecoder())));

const long = await ask("Tell me more.");
for await (const event of read(long, new WireDecoder())) {
  if (event.type === "text-delta" && event.seq === 6) await fetch(`${url}?chat=c1`, { method: "DELETE", headers });
  if (event.type === "final") console.log("stopped:          ", event.stopReason, JSON.stringify(event.output));
}

server.close();
server.closeAllConnections();
