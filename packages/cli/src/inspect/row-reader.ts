import { errorMessage, isObject, type JsonObject } from "millrace/provider";
import type { Line } from "./line-splitter.ts";
import type { Row, RunFacts } from "./rows.ts";

/** Makes rows of the lines of one file, in their order: of what an event log, a recorder or `JSON.stringify` wrote. */
export class RowReader {
  readonly #scope = new Scope();

  /** The row of a line; undefined for an empty one. Never throws: what is no event says so. */
  read(line: Line): Row | undefined {
    const text = line.text?.trim();
    if (text === "") return undefined;
    if (text === undefined) return this.#problem(line, `${line.length} bytes in one line are too many`, "");
    // The mark with which an event log closes a run.
    if (text === "end") return this.#row(line, { type: "(end)" }, "(end)");
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      return this.#problem(line, `not JSON: ${errorMessage(error)}`, text);
    }
    if (!isObject(json)) return this.#problem(line, "expected an event, an object with a type", text);
    const { type } = json;
    if (typeof type === "string") return this.#event(line, json);
    const run = runFacts(json);
    // The first line of an event log says whose run it is.
    if (run) return { ...this.#row(line, json, "(run)", this.#scope.tell(run)), run };
    return this.#problem(line, "expected an event, an object with a type", text);
  }

  #event(line: Line, json: JsonObject): Row {
    let scope = this.#scope;
    let event = json;
    const path: string[] = [];
    let run = runFacts(event["run"]);
    if (run) scope.tell(run);
    while (event["type"] === "sub-agent" && isObject(event["event"])) {
      const callId = String(event["callId"]);
      path.push(callId);
      scope = scope.inner(callId);
      event = event["event"];
      run = runFacts(event["run"]);
      if (run) scope.tell(run);
    }
    const row = this.#row(line, event, String(event["type"]), scope.runId);
    return { ...row, path, ...(run && { run }) };
  }

  #row(line: Line, event: Record<string, unknown>, type: string, runId: string = this.#scope.runId): Row {
    const { type: _, run: __, seq, at, ...rest } = event;
    const shortened = new Shortener();
    const { number, offset, length } = line;
    return {
      line: number,
      lines: 1,
      offset,
      length,
      type,
      runId,
      path: [],
      ...(typeof seq === "number" && { seq }),
      ...(typeof at === "number" && { at }),
      event: shortened.fields(rest),
      ...(shortened.hasCut && { isCut: true }),
    };
  }

  #problem(line: Line, problem: string, text: string): Row {
    return { ...this.#row(line, { text: text.slice(0, 400) }, "(damaged)"), problem };
  }
}

/** Whose events come: most say so only with the first of a run. */
class Scope {
  runId = "(unknown)";
  readonly #inner = new Map<string, Scope>();

  tell(run: RunFacts): string {
    this.runId = run.id;
    return run.id;
  }

  /** The run that a tool call serves. */
  inner(callId: string): Scope {
    const scope = this.#inner.get(callId) ?? new Scope();
    this.#inner.set(callId, scope);
    return scope;
  }
}

function runFacts(json: unknown): RunFacts | undefined {
  if (!isObject(json) || typeof json["id"] !== "string" || typeof json["agentName"] !== "string") return undefined;
  const { id, agentName, userId, chatId, parent } = json;
  return {
    id,
    agentName,
    ...(typeof userId === "string" && { userId }),
    ...(typeof chatId === "string" && { chatId }),
    ...(isObject(parent) && { parent: { runId: String(parent["runId"]), callId: String(parent["callId"]) } }),
  };
}

/** A page with many rows must stay light: what is long is fetched when it is looked at. */
const maxText = 4000;
const maxItems = 60;
const maxDepth = 12;
const maxField = 12_000;

/** Copies an event, cutting what is long. */
class Shortener {
  hasCut = false;
  #left = maxField;

  fields(value: Record<string, unknown>): Record<string, unknown> {
    const copies = Object.entries(value).map(([key, item]) => {
      // Each field has its own room: usage and errors must not give way to a long history before them.
      this.#left = maxField;
      return [key, this.#copy(item, 1)] as const;
    });
    return Object.fromEntries(copies);
  }

  #copy(value: unknown, depth: number): unknown {
    if (typeof value === "string") return this.#text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > maxDepth || this.#left <= 0) return this.#cut("…");
    const entries = Object.entries(value);
    const kept = entries.slice(0, maxItems).map(([key, item]) => [key, this.#copy(item, depth + 1)] as const);
    if (entries.length > maxItems) this.hasCut = true;
    return Array.isArray(value) ? kept.map(([, item]) => item) : Object.fromEntries(kept);
  }

  #text(text: string): string {
    const room = Math.max(0, Math.min(maxText, this.#left));
    this.#left -= Math.min(text.length, room) + 8;
    return text.length > room ? this.#cut(`${text.slice(0, room)}…`) : text;
  }

  #cut<T>(value: T): T {
    this.hasCut = true;
    return value;
  }
}
