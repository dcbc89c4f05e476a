// Letters to a mill: a model chooses the way by the votes of three, a loop improves the answer, and what decides is written
// in Lua and in TypeScript. The graph draws itself, before it runs and after.
import {
  agentDirectedFlow,
  flowControl,
  GraphAgent,
  initialGraphState,
  node,
  reduceGraph,
  Task,
  toMermaid,
} from "@millrace/graph";
import { lua } from "@millrace/graph/lua";
import { scriptedModel } from "millrace/testing";

const vote = (decision: string, thoughts: string) => ({
  toolCalls: [{ name: "make_decision", args: { thoughts, decision } }],
});

const graph = new GraphAgent({
  name: "letters",
  nodes: [
    node({
      name: "route",
      modules: [
        agentDirectedFlow({
          model: scriptedModel([
            vote("complaint", "There are worms."),
            vote("order", "New flour is asked for."),
            vote("Complaint", "Something is wrong."),
          ]),
          instructions: "You route the letters that a mill gets.",
          voters: 3,
          decisions: [
            { next: "order", description: "someone wants to buy flour" },
            {
              next: "complaint",
              description: "something is wrong with what was bought",
              examples: [{ message: "The bag was torn.", choice: "complaint", reasoning: "A torn bag is a damage." }],
            },
          ],
          default: "order",
        }),
      ],
    }),
    node({ name: "order", dependencies: ["route"], modules: [() => "ordered"] }),
    node({
      name: "complaint",
      dependencies: ["route"],
      modules: [({ cache }) => cache.set("answer", { text: "We are sorry.", score: 4 })],
    }),
    node({
      name: "improve",
      dependencies: ["complaint"],
      modules: [
        ({ cache }) =>
          cache.update<{ text: string; score: number }>("answer", ({ text, score } = { text: "", score: 0 }) => ({
            text: `${text} New flour is on its way.`,
            score: score + 3,
          })),
      ],
    }),
    node({
      name: "check",
      dependencies: ["improve"],
      modules: [
        flowControl({
          decisions: [
            { next: "improve", condition: lua("answer.score < task.params.wanted") },
            {
              next: "send",
              description: "long enough",
              condition: ({ answer }) => String(Object(answer)["text"]).length > 40,
            },
          ],
          default: "improve",
          cleanupOnDefault: false,
        }),
      ],
    }),
    node({
      name: "send",
      dependencies: ["check"],
      // Patterns and arithmetic are left to Lua itself, in a worker.
      condition: lua("answer.text:find('sorry') ~= nil and answer.score % 5 == 0"),
      modules: [async ({ cache }) => Object(await cache.get("answer"))["text"]],
    }),
  ],
});

console.log(toMermaid(graph));

let view = initialGraphState;
const task = new Task({ type: "letter", objective: "There are worms in the flour!", params: { wanted: 9 } });
for await (const event of graph.run(task, { userId: "u1", chatId: "c1" })) {
  view = reduceGraph(view, event);
  if (event.type === "decision") console.log(`${event.node} → ${event.next ?? "goes on"}`);
  if (event.type === "final") console.log(`${event.status}: ${String(event.results["send"])}`);
}
console.log(view.nodes.map(({ name, status, visits }) => `${name} ${status} (${visits})`).join(", "));
