// A planner makes a plan, an executor carries out its steps one by one, a flow control decides whether there is more to
// do: agents and functions in one graph, as one stream of events.
import { agentModule, flowControl, GraphAgent, node, Task } from "@millrace/graph";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const savePlan = tool({
  name: "save_plan",
  description: "Save the steps of the plan",
  input: z.object({ steps: z.array(z.string()) }),
  execute: ({ steps }) => `${steps.length} steps saved`,
});

const planner = new Agent({
  name: "planner",
  model: scriptedModel([
    { toolCalls: [{ name: "save_plan", args: { steps: ["find the mill", "draw its wheel", "write a caption"] } }] },
    "find the mill; draw its wheel; write a caption",
  ]),
  tools: [savePlan],
});
const executor = new Agent({
  name: "executor",
  model: scriptedModel(["It stands by the river.", "A wheel with twelve blades.", "The old mill, still at work."]),
});

const graph = new GraphAgent({
  name: "planner-executor",
  nodes: [
    node({
      name: "plan",
      modules: [
        planner,
        ({ cache, task }) => cache.set("plan", Object(task.params)["steps"] ?? ["find", "draw", "caption"]),
        ({ cache }) => cache.set("current_step", 0),
      ],
      outputs: ["plan", "current_step"],
    }),
    node({
      name: "execute",
      dependencies: ["plan"],
      inputs: ["plan", "current_step"],
      retry: { maxRetries: 1, initialDelayMs: 10 },
      modules: [
        agentModule(executor, { prompt: ({ visit }) => `Carry out step ${visit}.` }),
        ({ cache }) => cache.update<number>("current_step", (before = 0) => before + 1),
      ],
    }),
    node({
      name: "more",
      dependencies: ["execute"],
      modules: [
        flowControl({
          decisions: [
            {
              next: "execute",
              condition: ({ plan, current_step }) => Array.isArray(plan) && Number(current_step) < plan.length,
              metadata: { description: "there are steps left" },
            },
          ],
          cleanupOnDefault: false,
        }),
      ],
    }),
    node({ name: "report", dependencies: ["more"], modules: [({ task }) => `Done: ${task.objective}`] }),
  ],
});

const task = new Task({ type: "drawing", objective: "A picture of the town mill" });
for await (const event of graph.run(task, { userId: "u1", chatId: "c1" })) {
  switch (event.type) {
    case "step-start":
      console.log(`step ${event.iteration}: ${event.nodes.join(", ")}`);
      break;
    case "sub-agent":
      if (event.event.type === "tool-result") console.log(`  ${event.agent} → ${event.event.result}`);
      if (event.event.type === "final") console.log(`  ${event.agent}: ${event.event.output}`);
      break;
    case "decision":
      console.log(`  ${event.next ? `back to ${event.next}` : "on with the plan"}`);
      break;
    case "final":
      console.log(`${event.status}: ${event.results["report"]} (${event.usage.outputTokens} tokens)`);
      break;
    default:
      break;
  }
}
