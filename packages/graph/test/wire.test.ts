import { attach, detach, memoryEventLog, stopRun, toResponse } from "@millrace/server";
import { Agent } from "millrace";
import { echoModel } from "millrace/testing";
import { WireDecoder } from "millrace/wire";
import { expect, test } from "vitest";
import { GraphAgent, node } from "../src/index.ts";
import { call, newTask } from "./read-run.ts";

const graph = (): GraphAgent =>
  new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "ask", modules: [new Agent({ name: "echo", model: echoModel() })] }),
      node({
        name: "bad",
        retry: false,
        modules: [
          () => {
            throw new Error("with sk-secret1234567");
          },
        ],
      }),
      node({ name: "big", dependencies: ["ask"], modules: [() => 10n] }),
    ],
  });

test("goes over server-sent events as it is, agents and all", async () => {
  const seen: { type: string }[] = [];
  const run = graph().run(newTask(), { ...call, hooks: { onEvent: (event) => seen.push(event) } });
  const text = await toResponse(run).text();
  const decoder = new WireDecoder();
  const lines = text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []));
  const events = lines.map((line) => decoder.decode(JSON.parse(line)));
  expect(events.map(({ type }) => type)).toEqual(seen.map(({ type }) => type));
  const inner = events.flatMap((event) => (event.type === "sub-agent" ? [event.event] : []));
  expect(inner.at(-1)).toMatchObject({ type: "final", run: { parent: { runId: run.id } } });
  expect(text).toContain("10");
  expect(text).not.toContain("sk-secret1234567");
  expect(events.at(-1)).toMatchObject({ type: "final", status: "partial_failure" });
});

test("goes on without a reader, is read from its log, and is stopped through it", async () => {
  const log = memoryEventLog();
  const { runId, done } = await detach(graph().run(newTask(), call), log);
  await done;
  const types: string[] = [];
  for await (const { type } of attach(log, runId)) types.push(type);
  expect(types[0]).toBe("graph-start");
  expect(types.at(-1)).toBe("final");

  const endless = new GraphAgent({
    name: "g",
    graceMs: 0,
    nodes: [node({ name: "a", modules: [() => new Promise(() => {})] })],
  });
  const stopped = await detach(endless.run(newTask(), call), log);
  await stopRun(log, stopped.runId, "enough");
  await stopped.done;
  const last: unknown[] = [];
  for await (const event of attach(log, stopped.runId)) last.push(event);
  expect(last.at(-2)).toMatchObject({ type: "stopped", reason: "enough" });
});
