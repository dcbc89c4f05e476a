import { type GraphAgent, type GraphEvent, type GraphFinal, type GraphRun, Task } from "../src/index.ts";

/** The owner of the runs. */
export const call = { userId: "u1", chatId: "c1" };

export function newTask(params: Record<string, unknown> = {}): Task {
  return new Task({ type: "test", objective: "Test it", params });
}

/** What a run came to, read to its end whatever it throws. */
export interface ReadRun {
  readonly run: GraphRun;
  readonly events: readonly GraphEvent[];
  readonly final: GraphFinal;
  readonly thrown?: unknown;
}

export async function readRun(run: GraphRun): Promise<ReadRun> {
  const events: GraphEvent[] = [];
  let thrown: unknown;
  try {
    for await (const event of run) events.push(event);
  } catch (error) {
    thrown = error;
  }
  const { final } = run;
  if (!final) throw new Error("every run that was read has a final");
  return { run, events, final, ...(thrown !== undefined && { thrown }) };
}

/** Runs a new task. */
export function runOnce(graph: GraphAgent, params: Record<string, unknown> = {}): Promise<ReadRun> {
  return readRun(graph.run(newTask(params), call));
}

/** The events of a type, for what the test is about. */
export function ofType<Type extends GraphEvent["type"]>(
  events: readonly GraphEvent[],
  type: Type,
): Extract<GraphEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<GraphEvent, { type: Type }> => event.type === type);
}

/** What is wrong with any run's events. */
export function problemsOf(events: readonly GraphEvent[]): string[] {
  const problems: string[] = [];
  if (events[0]?.type !== "graph-start") problems.push("the first event is not graph-start");
  if (events.at(-1)?.type !== "final") problems.push("the last event is not final");
  if (ofType(events, "final").length !== 1) problems.push("not one final");
  for (const [index, { seq }] of events.entries()) if (seq !== index) problems.push(`event ${index} has seq ${seq}`);
  const calls = new Set<string>();
  const nodes = new Set<string>();
  for (const event of events) {
    if (event.type === "module-start") calls.add(event.callId);
    if (event.type === "module-result" || event.type === "module-error") {
      if (!calls.delete(event.callId)) problems.push(`${event.type} without its start`);
    }
    if (event.type === "node-start") nodes.add(event.node);
    if (event.type === "node-result" || event.type === "node-failed" || event.type === "node-skipped") {
      if (!nodes.delete(event.node)) problems.push(`${event.type} without its start`);
    }
  }
  if (calls.size > 0) problems.push("modules without an end");
  if (nodes.size > 0) problems.push(`nodes without an end: ${[...nodes].join(", ")}`);
  return problems;
}
