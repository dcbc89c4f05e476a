import { isObject, type Json, type JsonObject } from "millrace/provider";
import { textIn } from "./wire.ts";

/**
 * Collects `reasoning_details` (OpenRouter's form, used by other gateways too): pieces of one text or summary are
 * joined, signatures and encrypted entries kept whole, in their order. They must go back as they came.
 */
export class ReasoningDetails {
  readonly entries: JsonObject[] = [];

  /** Takes the entries of one delta. Gives the readable text in them. */
  push(details: readonly Json[]): string {
    let text = "";
    for (const detail of details) {
      if (!isObject(detail)) continue;
      text += textIn(detail.text) + textIn(detail.summary);
      this.#add(detail);
    }
    return text;
  }

  #add(detail: JsonObject): void {
    const last = this.entries.at(-1);
    if (last && continues(last, detail)) this.entries[this.entries.length - 1] = joined(last, detail);
    else if (!this.entries.some((entry) => isSameSecret(entry, detail))) this.entries.push(detail);
  }
}

function continues(last: JsonObject, detail: JsonObject): boolean {
  if (last.type !== detail.type || last.index !== detail.index || typeof detail.data === "string") return false;
  // A signature closes a text: what follows it is the next one, where the server gives no index.
  if (last.index === undefined && textIn(last.signature) !== "" && textIn(detail.text) !== "") return false;
  return last.id === detail.id || last.id == null || detail.id == null;
}

function joined(last: JsonObject, detail: JsonObject): JsonObject {
  const merged: { [key: string]: Json } = { ...last };
  for (const [key, value] of Object.entries(detail)) {
    if (key === "text" || key === "summary") merged[key] = textIn(last[key]) + textIn(value);
    else if (value !== null && value !== "") merged[key] = value;
  }
  return merged;
}

function isSameSecret(a: JsonObject, b: JsonObject): boolean {
  return typeof a.data === "string" && a.data === b.data && a.type === b.type;
}
