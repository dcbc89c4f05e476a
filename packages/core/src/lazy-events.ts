import type { ObjectDelta, RunInfo, ToolCallDelta } from "./events.ts";
import { parseLenient } from "./lenient-json.ts";

/** A JSON text that grows. Events remember how long it was, so that none of them costs more than its delta. */
export class GrowingText {
  text = "";
}

/** A {@link ToolCallDelta} whose `args` are parsed when they are read. The getter is not part of the event's JSON. */
export class LazyToolCallDelta implements ToolCallDelta {
  readonly type = "tool-call-delta";
  readonly seq: number;
  readonly at: number;
  readonly run: RunInfo;
  readonly callId: string;
  readonly name: string;
  readonly delta: string;
  readonly #json: GrowingText;
  readonly #length: number;

  constructor(
    at: number,
    seq: number,
    run: RunInfo,
    call: { callId: string; name: string; delta: string },
    json: GrowingText,
  ) {
    this.seq = seq;
    this.at = at;
    this.run = run;
    this.callId = call.callId;
    this.name = call.name;
    this.delta = call.delta;
    this.#json = json;
    this.#length = json.text.length;
  }

  get args(): unknown {
    return parseLenient(this.#json.text.slice(0, this.#length));
  }
}

/** An {@link ObjectDelta} whose `object` is parsed when it is read. */
export class LazyObjectDelta implements ObjectDelta {
  readonly type = "object-delta";
  readonly seq: number;
  readonly at: number;
  readonly run: RunInfo;
  readonly #json: GrowingText;
  readonly #length: number;

  constructor(at: number, seq: number, run: RunInfo, json: GrowingText) {
    this.seq = seq;
    this.at = at;
    this.run = run;
    this.#json = json;
    this.#length = json.text.length;
  }

  get object(): unknown {
    return parseLenient(this.#json.text.slice(0, this.#length));
  }
}
