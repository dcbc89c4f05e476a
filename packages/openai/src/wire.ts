import { isObject, type Json, type JsonObject, type ProviderData } from "millrace/provider";

/** The wire formats of this package: the keys under which its parts keep what the provider needs back. */
export type Wire = "openai-chat" | "openai-responses";

/** Whether a value of a parsed body is a list. */
export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** A string of a parsed body; empty for anything else. */
export function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A number of a parsed body; zero for anything else. */
export function numberIn(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/**
 * What a part keeps for this wire, if it came from this provider. Reasoning of one server means nothing to another one
 * that speaks the same wire, hence the name in it. Without a name on either side it passes.
 */
export function ownData(
  part: { readonly providerData?: ProviderData },
  wire: Wire,
  provider: string | undefined,
): JsonObject | undefined {
  const data = part.providerData?.[wire];
  if (!isObject(data)) return undefined;
  const from = data["provider"];
  return from === undefined || provider === undefined || from === provider ? data : undefined;
}

/** An object without some of its fields. */
export function without(object: JsonObject, ...fields: readonly string[]): JsonObject {
  const rest: { [field: string]: Json } = {};
  for (const [field, value] of Object.entries(object)) if (!fields.includes(field)) rest[field] = value;
  return rest;
}
