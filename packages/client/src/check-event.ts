import type { AgentEvent } from "millrace";
import { ConnectionError } from "./connection-error.ts";

/** Checks an event against the schema, which is loaded with the first one. */
export async function checkEvent(event: AgentEvent): Promise<void> {
  const { agentEventSchema } = await import("millrace/schema");
  const { error } = agentEventSchema.safeParse(JSON.parse(JSON.stringify(event)));
  const [issue] = error?.issues ?? [];
  if (!issue) return;
  const where = [`event ${event.seq} (${event.type})`, ...issue.path.map(String)].join(".");
  throw new ConnectionError(`${where} does not fit the schema: ${issue.message}`, { kind: "protocol" });
}
