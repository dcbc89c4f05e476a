import { isObject, type JsonObject, type MessageBuilder, type ModelEvent } from "millrace/provider";
import { textIn } from "./wire.ts";

interface Call {
  /** Its slot in the builder. */
  readonly slot: number;
  id: string;
  /** Arguments that came before the name; undefined once the call has begun. */
  waiting: string | undefined;
}

/**
 * Puts streamed tool calls together. The API says: the first delta of a call brings `index`, `id`, `type` and the name,
 * later ones only the index and a piece of the arguments. Servers differ: no index or always the same, no id, an empty
 * one or the same in every delta, a whole call at once, arguments absent or as an object, a call sent twice.
 */
export class ToolCallDeltas {
  readonly #builder: MessageBuilder;
  readonly #calls: Call[] = [];
  readonly #byIndex: (Call | undefined)[] = [];

  constructor(builder: MessageBuilder) {
    this.#builder = builder;
  }

  /** Takes one entry of `tool_calls`. Gives the slot of its call, if the call has begun. */
  push(delta: JsonObject, out: ModelEvent[]): number | undefined {
    const { index } = delta;
    const told = delta.function;
    const args = isObject(told) ? argsOf(told.arguments) : "";
    const known = typeof index === "number" ? this.#byIndex[index] : undefined;
    // By far the most deltas: a piece of the arguments of a call that has begun.
    if (known && known.waiting === undefined && isObject(told) && !told.name) {
      if (args !== "") this.#append(known, args, out);
      return known.slot;
    }
    const id = textIn(delta.id);
    const name = isObject(told) ? textIn(told.name) : "";
    const call = this.#find(known, index, id, name) ?? this.#open(index, id);
    if (call.waiting !== undefined) return this.#begin(call, id, name, args, out);
    // A delta that names a call whose arguments are whole already says it all again.
    if (args !== "" && !(name !== "" && this.#isWhole(call))) this.#append(call, args, out);
    return call.slot;
  }

  /** Begins the calls whose names never came: the agent answers that there is no such tool. */
  end(out: ModelEvent[]): void {
    for (const call of this.#calls) if (call.waiting) this.#start(call, "", out);
  }

  #find(known: Call | undefined, index: unknown, id: string, name: string): Call | undefined {
    if (known) return this.#isAnother(known, id, name) ? undefined : known;
    if (typeof index === "number") return undefined;
    const sameId = id === "" ? undefined : this.#calls.findLast((call) => call.id === id);
    return sameId ?? (name === "" ? this.#calls.at(-1) : undefined);
  }

  /** Whether a delta under the index of a call opens another one: some servers give all calls the index 0. */
  #isAnother(call: Call, id: string, name: string): boolean {
    if (name === "" || call.waiting !== undefined) return false;
    return id === "" ? this.#isWhole(call) : id !== call.id;
  }

  #open(index: unknown, id: string): Call {
    const call: Call = { slot: this.#calls.length, id, waiting: "" };
    this.#calls.push(call);
    if (typeof index === "number") this.#byIndex[index] = call;
    return call;
  }

  #begin(call: Call, id: string, name: string, args: string, out: ModelEvent[]): number | undefined {
    call.id ||= id;
    call.waiting += args;
    if (name === "") return undefined;
    this.#start(call, name, out);
    return call.slot;
  }

  #start(call: Call, name: string, out: ModelEvent[]): void {
    const args = call.waiting ?? "";
    call.waiting = undefined;
    out.push(this.#builder.toolCall(call.slot, name, call.id));
    if (args !== "") this.#append(call, args, out);
  }

  #append(call: Call, args: string, out: ModelEvent[]): void {
    const delta = this.#builder.toolArgs(call.slot, args);
    if (delta) out.push(delta);
  }

  #isWhole(call: Call): boolean {
    const args = this.#builder.soFar(call.slot);
    if (!args.trimEnd().endsWith("}")) return false;
    try {
      JSON.parse(args);
      return true;
    } catch {
      return false;
    }
  }
}

function argsOf(value: unknown): string {
  if (typeof value === "string") return value;
  return isObject(value) ? JSON.stringify(value) : "";
}
