import type { Agent } from "./agent.ts";
import { ToolCallError } from "./errors.ts";
import type { Final } from "./events.ts";
import { SubAgentProgress, type Tool, tool } from "./tool.ts";

const input = {
  type: "object",
  properties: { input: { type: "string", description: "What the agent is asked, with all that it needs to know." } },
  required: ["input"],
  additionalProperties: false,
} as const;

/** An agent as a tool: its run is the tool's execution, its events are the tool's progress. */
export function subAgentTool(
  agent: Agent,
  {
    name = agent.name.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64),
    description,
  }: { name?: string; description?: string },
): Tool<unknown, unknown> {
  return tool<typeof input, unknown>({
    name,
    description: description ?? agent.description ?? `Asks the agent "${agent.name}".`,
    input,
    async *execute(args, { userId, chatId, runId, callId, signal, deps }) {
      const prompt = String(Object(args).input);
      const run = agent.respond(prompt, { userId, chatId, signal, deps, parent: { runId, callId } });
      for await (const event of run) yield new SubAgentProgress(agent, event);
      return resultOf(name, run.final);
    },
  });
}

function resultOf(toolName: string, final: Final | undefined): unknown {
  if (!final || final.stopReason === "stopped") {
    throw new ToolCallError("The agent was stopped before it had an answer.", { kind: "stopped", toolName });
  }
  if (final.object !== undefined) return final.object;
  if (final.output || final.stopReason === "completed") return final.output;
  throw new ToolCallError(`The agent ended without an answer (${final.stopReason}).`, { kind: "failed", toolName });
}
