import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError, errorMessage, type Message, type StreamEvent, type TurnStart } from "millrace";
import { isObject, type ModelRequest } from "millrace/provider";
import { requestOf, WireEncoder } from "millrace/wire";

/** Hooks that write down what they see: for an agent, or for a graph. */
export interface RunRecorder {
  onEvent(event: StreamEvent): void;
}

/**
 * Hooks that record each run in a file of its own, for `millrace inspect`: its events, a line of JSON each, and in each
 * `turn-start` a `request`: what was sent to the model, as it was fitted. For development: lines are written at once, so
 * that a crash loses none and a page shows them live, and they hold all that was said. For servers there is
 * `fileEventLog()` of `@millrace/server/node`.
 *
 * @param folder is made where it is missing; only its owner can read the files
 * @throws {@link ConfigError} where the folder cannot be made
 * @example
 * ```ts
 * import { recordRuns } from "@millrace/cli";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const agent = new Agent({ name: "echo", model: echoModel(), hooks: recordRuns("runs") });
 * ```
 */
export function recordRuns(folder: string): RunRecorder {
  makeFolder(folder);
  return recorder((event) => join(folder, nameOf(event)));
}

/** Hooks that record all runs in one file, which must not run side by side. */
export function recordInto(file: string): RunRecorder {
  makeFolder(dirname(file));
  try {
    closeSync(openSync(file, "a", 0o600));
  } catch (cause) {
    throw new ConfigError("record", `cannot write to ${file}: ${errorMessage(cause)}`, { cause });
  }
  return recorder(() => file);
}

function recorder(fileOf: (start: StreamEvent) => string): RunRecorder {
  const runs = new Map<string, Recording>();
  return {
    onEvent(event) {
      const { id } = event.run;
      const recording = runs.get(id) ?? new Recording(fileOf(event));
      runs.set(id, recording);
      recording.write(event);
      if (event.type !== "final") return;
      runs.delete(id);
      recording.close();
    },
  };
}

/** One run, and its sub-agents' within it. */
class Recording {
  readonly #file: number;
  readonly #encoder = new WireEncoder();
  readonly #requests = new Map<string, RequestWriter>();

  constructor(path: string) {
    this.#file = openSync(path, "a", 0o600);
  }

  write(event: StreamEvent): void {
    const line = this.#encoder.encode(event);
    writeSync(this.#file, `${this.#withRequest(line, event)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }

  #withRequest(line: string, event: StreamEvent): string {
    const path: StreamEvent[] = [event];
    for (let inner = event; isSubAgent(inner); path.push(inner)) inner = inner.event;
    const start = path.at(-1);
    const request = start && isTurnStart(start) && requestOf(start);
    if (!start || !request) return line;
    const writer = this.#requests.get(start.run.id) ?? new RequestWriter();
    this.#requests.set(start.run.id, writer);
    const json: unknown = JSON.parse(line);
    let target = json;
    for (let depth = 1; depth < path.length && isObject(target); depth++) target = target["event"];
    Object.assign(Object(target), { request: writer.write(request) });
    return JSON.stringify(json);
  }
}

/** Writes the requests of one run, each as what is new in it. */
class RequestWriter {
  readonly #known = new Map<Message, number>();
  readonly #last = new Map<string, string>();

  write({ messages, ...rest }: ModelRequest): object {
    const changed = Object.entries(rest).filter(([name, value]) => {
      const json = JSON.stringify(value);
      const isNew = this.#last.get(name) !== json;
      this.#last.set(name, json);
      return isNew;
    });
    return { ...Object.fromEntries(changed), messages: messages.map((message) => this.#write(message)) };
  }

  /** A message, or where it is known its number: it was the first (0), second (1) … that this run wrote. */
  #write(message: Message): Message | number {
    const number = this.#known.get(message);
    if (number === undefined) this.#known.set(message, this.#known.size);
    return number ?? message;
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new ConfigError("folder", `cannot make ${folder}: ${errorMessage(cause)}`, { cause });
  }
}

function isSubAgent(event: StreamEvent): event is StreamEvent & { readonly event: StreamEvent } {
  return event.type === "sub-agent" && "event" in event;
}

function isTurnStart(event: StreamEvent): event is TurnStart {
  return event.type === "turn-start";
}

function nameOf({ at, run }: StreamEvent): string {
  const time = new Date(at).toISOString().slice(0, 19).replaceAll(":", "-");
  const safe = (id: string): string => id.replaceAll(/[^\w-]+/g, "-").slice(0, 48);
  return `${time}_${safe(run.agentName)}_${safe(run.id)}.jsonl`;
}
