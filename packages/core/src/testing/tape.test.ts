import { describe, expect, it } from "vitest";
import { ModelError } from "../errors.ts";
import type { ModelEvent, ModelRequest } from "../model.ts";
import { scriptedModel } from "./scripted-model.ts";
import { record, replay, type Tape } from "./tape.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hello" }], tools: [], settings: { seed: 1 } };
const other: ModelRequest = { ...request, messages: [{ role: "user", content: "Hullo" }] };
const { signal } = new AbortController();

async function all(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const found: ModelEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

async function recorded(steps: Parameters<typeof scriptedModel>[0], delayMs = 0): Promise<Tape> {
  const tape: Tape = { version: 1, requests: [] };
  const model = record(scriptedModel(steps, { provider: "p", id: "m", delayMs }), tape);
  for (const _ of steps) await all(model.stream(request, { signal })).catch(() => {});
  return JSON.parse(JSON.stringify(tape));
}

describe("record and replay", () => {
  it("play what was recorded, in its order, after a round trip through JSON", async () => {
    const model = replay(await recorded([{ reasoning: "hm", text: "one" }, "two"]));
    expect([model.provider, model.id]).toEqual(["p", "m"]);
    const fresh = scriptedModel([{ reasoning: "hm", text: "one" }, "two"]);
    for (let count = 0; count < 2; count++) {
      expect(await all(model.stream(request, { signal }))).toEqual(await all(fresh.stream(request, { signal })));
    }
    await expect(all(model.stream(request, { signal }))).rejects.toThrow(
      "request 3 is beyond the end of the tape, which has 2",
    );
  });

  it("begin again only if asked", async () => {
    const model = replay(await recorded(["one"]), { loop: true });
    for (let count = 0; count < 3; count++) expect(await all(model.stream(request, { signal }))).toHaveLength(2);
  });

  it("say where a request differs", async () => {
    const tape = await recorded(["one"]);
    await expect(all(replay(tape).stream(other, { signal }))).rejects.toThrow(
      'messages of request 1[0].content differs from the tape: recorded "Hello", got "Hullo"',
    );
    expect(await all(replay(tape, { ignore: ["messages"] }).stream(other, { signal }))).toHaveLength(2);
  });

  it("throw again what was thrown, with its facts", async () => {
    const error = new ModelError("slow down", { kind: "rate-limit", provider: "p", status: 429, retryAfterMs: 5 });
    const model = replay(await recorded([{ text: "a", error }, { error: new TypeError("odd") }]));
    await expect(all(model.stream(request, { signal }))).rejects.toMatchObject(error.toJSON());
    await expect(all(model.stream(request, { signal }))).rejects.toMatchObject({ name: "TypeError", message: "odd" });
  });

  it("keep the recorded pauses only if asked", async () => {
    const tape = await recorded(["one two three"], 20);
    let start = performance.now();
    await all(replay(tape).stream(request, { signal }));
    expect(performance.now() - start).toBeLessThan(20);
    start = performance.now();
    await all(replay(tape, { timing: true }).stream(request, { signal }));
    expect(performance.now() - start).toBeGreaterThan(60);
  });

  it("know where the reader left, and stop at once", async () => {
    const tape: Tape = { version: 1, requests: [] };
    for await (const _ of record(scriptedModel(["one two"]), tape).stream(request, { signal })) break;
    await expect(all(replay(tape).stream(request, { signal }))).rejects.toThrow("was left by its reader here");
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(all(replay(tape).stream(request, { signal: aborted }))).rejects.toThrow("enough");
  });
});
