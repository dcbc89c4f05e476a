import { type Agent, type Final, type Input, MillraceError } from "millrace";
import { NodeError } from "./errors.ts";
import type { AgentAskOptions, AgentUse } from "./module.ts";
import type { ModuleCall } from "./module-call.ts";
import type { RunState } from "./run-state.ts";

/** An agent as a module: its events, whole, within the graph's; gives its last text or its object. */
export async function runAgent(
  run: RunState,
  call: ModuleCall,
  { agent, prompt, remembers }: AgentUse,
): Promise<unknown> {
  const { node, module } = call;
  const asked = await call.wait(Promise.resolve(run.bound(async () => prompt(call))));
  const history = remembers ? run.node(node).modules?.get(module)?.history : undefined;
  const question = { agent, input: asked, options: history ? { history } : {}, callId: call.callId };
  const final = await readAgent(run, call, question, (step) => call.wait(step));
  const result = resultOf(final, node, module);
  if (remembers) call.history = final.history.messages;
  return result;
}

/** What an agent is asked within a module. */
export interface AgentQuestion {
  readonly agent: Agent;
  readonly input: Input;
  readonly options: AgentAskOptions;
  /** One run has one: who reads the events from a wire tells the runs apart by it. */
  readonly callId: string;
}

/**
 * Reads an agent's run to its end, its events into the graph's.
 *
 * @param wait for each of its events; a cut may end the wait
 */
export async function readAgent(
  run: RunState,
  call: ModuleCall,
  { agent, input, options, callId }: AgentQuestion,
  wait: <T>(step: Promise<T>) => Promise<T>,
): Promise<Final> {
  const { node, module, userId, chatId, deps, signal, runId } = call;
  const parent = { runId, callId };
  const events = run.bound(() => agent.respond(input, { ...options, userId, chatId, deps, signal, parent }));
  try {
    for (;;) {
      const { done, value } = await wait(events.next());
      if (done) return value;
      if (call.isOver) throw call.error ?? new MillraceError(`module ${module} of node ${node} has ended`);
      if (value.type === "final") run.spend(value);
      await call.tell({ type: "sub-agent", callId, node, module, agent: agent.name, event: value });
    }
  } finally {
    // Not awaited: an agent that was abandoned may take its time.
    events.return().catch(() => {});
  }
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
