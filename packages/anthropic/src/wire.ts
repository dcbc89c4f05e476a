import { type AssistantPart, type ContentPart, isObject, type JsonObject, type Message } from "millrace/provider";

/** The key of this wire format in `providerData`, and the name of the provider. */
export const wire = "anthropic";

/** What this provider left on a part or a message; undefined where another provider made it. */
export function ownData(carrier: AssistantPart | ContentPart | Message): JsonObject | undefined {
  const own = carrier.providerData?.[wire];
  return isObject(own) ? own : undefined;
}
