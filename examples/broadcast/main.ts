// One run, two readers: a page that shows the answer, and an archive that keeps its messages.
import { Agent, broadcast } from "millrace";
import { echoModel } from "millrace/testing";

const agent = new Agent({ name: "echo", model: echoModel() });
const run = agent.respond("One stream, two readers.", { userId: "u1", chatId: "c1" });

// The run is read as the quicker of them asks, and waits when the other is `buffer` events behind.
const shared = broadcast(run, { buffer: 100 });
const page = shared.subscribe();
const archive = shared.subscribe();

async function show(): Promise<string> {
  let text = "";
  for await (const event of page) if (event.type === "text-delta") text += event.text;
  return text;
}

async function keep(): Promise<string[]> {
  const kept: string[] = [];
  for await (const event of archive) if (event.type === "message-added") kept.push(event.message.role);
  return kept;
}

const [text, kept] = await Promise.all([show(), keep()]);
console.log("the page shows: ", text);
console.log("the archive has:", kept.join(", "));
