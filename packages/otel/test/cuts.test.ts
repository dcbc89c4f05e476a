import { Agent, ModelError, tool } from "millrace";
import { type CutRun, type CuttableRun, cutEverywhere, type ScriptedAnswer, scriptedModel } from "millrace/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tracing } from "../src/tracing.ts";
import { Recorder } from "./recorder.ts";

const ids = { userId: "u", chatId: "c" };
const call = (name: string): ScriptedAnswer => ({ toolCalls: [{ name, args: { input: "?" } }] });

let recorder: Recorder;
beforeAll(() => {
  recorder = new Recorder();
});
afterAll(() => recorder.close());

function start({ signal, hooks, watch }: CutRun): CuttableRun {
  const steps = tool({
    name: "steps",
    description: "Takes steps",
    async *execute() {
      yield 1;
      return "done";
    },
  });
  const fail = tool({
    name: "fail",
    description: "Fails",
    execute: () => {
      throw new Error("failed");
    },
  });
  const busy = (): never => {
    throw new ModelError("busy", { kind: "overloaded", provider: "p" });
  };
  const helper = new Agent({
    name: "helper",
    model: watch(scriptedModel([call("steps"), "Helped."])),
    tools: [steps],
  });
  const model = watch(
    scriptedModel([{ toolCalls: [{ name: "steps" }, { name: "fail" }] }, busy, call("helper"), "Done."]),
  );
  const tools = [steps, fail, helper.asTool()];
  const retry = { initialDelayMs: 1, network: { maxRetries: 0 } };
  return new Agent({ name: "top", model, tools, retry, ...tracing() }).respond("?", { ...ids, signal, hooks });
}

it("ends every span, wherever a run is stopped, left or fails", async () => {
  const { cuts } = await cutEverywhere({
    run: (given) => {
      expect(recorder.open).toEqual([]);
      return start(given);
    },
  });
  expect(recorder.open).toEqual([]);
  expect(cuts).toBeGreaterThan(100);
  const roots = recorder.spans.filter(({ parentSpanContext }) => parentSpanContext === undefined);
  // Each run that has begun has one span, and no other stands outside of it. Two cuts come before a run begins.
  expect(new Set(roots.map(({ name }) => name))).toEqual(new Set(["invoke_agent top"]));
  expect(roots.length).toBeGreaterThan(cuts - 10);
});
