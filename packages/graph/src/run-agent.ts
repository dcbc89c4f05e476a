import type { Final } from "millrace";
import { NodeError } from "./errors.ts";
import type { AgentUse } from "./module.ts";
import type { ModuleCall } from "./module-call.ts";
import type { RunState } from "./run-state.ts";

/** An agent as a module: its events, whole, within the graph's; gives its last text or its object. */
export async function runAgent(
  run: RunState,
  call: ModuleCall,
  { agent, prompt, remembers }: AgentUse,
): Promise<unknown> {
  const { callId, node, module, userId, chatId, deps, signal, runId } = call;
  const asked = await call.wait(Promise.resolve(run.bound(async () => prompt(call))));
  const history = remembers ? run.node(node).modules?.get(module)?.history : undefined;
  const parent = { runId, callId };
  const options = { userId, chatId, deps, signal, parent, ...(history && { history }) };
  const events = run.bound(() => agent.respond(asked, options));
  let final: Final;
  try {
    for (;;) {
      const { done, value } = await call.wait(events.next());
      if (done) {
        final = value;
        break;
      }
      if (value.type === "final") run.spend(value);
      await call.tell({ type: "sub-agent", callId, node, module, agent: agent.name, event: value });
    }
  } finally {
    // Not awaited: an agent that was abandoned may take its time.
    events.return().catch(() => {});
  }
  const result = resultOf(final, node, module);
  if (remembers) call.history = final.history.messages;
  return result;
}

function resultOf(final: Final, node: string, module: string): unknown {
  if (final.object !== undefined) return final.object;
  if (final.stopReason === "completed" || (final.output && final.stopReason !== "stopped")) return final.output;
  const kind = final.stopReason === "stopped" ? "stopped" : "failed";
  throw new NodeError(`agent ${module} of node ${node} ended without an answer (${final.stopReason})`, {
    kind,
    node,
    module,
  });
}
