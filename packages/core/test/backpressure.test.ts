import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Agent } from "../src/agent.ts";
import type { Model, ModelEvent } from "../src/model.ts";
import { scriptedModel } from "../src/testing.ts";
import { tool } from "../src/tool.ts";
import { httpModel, ids, serve, tick } from "./loopback.ts";

describe("a reader who is slower than what it reads", () => {
  it("makes the server wait", async () => {
    let sent = 0;
    const chunk = `data: ${"x".repeat(1000)}\n\n`.repeat(16);
    await using server = await serve(async (_, response) => {
      const gone = new AbortController();
      response.on("close", () => gone.abort());
      response.writeHead(200);
      while (!response.destroyed && sent < 200e6) {
        sent += chunk.length;
        if (!response.write(chunk)) await once(response, "drain", { signal: gone.signal }).catch(() => {});
      }
    });
    let deltas = 0;
    for await (const event of new Agent({ name: "a", model: httpModel(server.url) }).respond("?", ids)) {
      if (event.type !== "text-delta") continue;
      await tick(20);
      if (++deltas === 10) break;
    }
    // What the sockets of both sides hold, a few megabytes at most, and not what the server could send.
    expect(sent).toBeLessThan(20e6);
  });

  it("makes the tools wait that flood it with progress, and frees them when it leaves", async () => {
    let made = 0;
    let ended = 0;
    const flood = tool({
      name: "flood",
      description: "Floods",
      async *execute() {
        try {
          for (;;) yield made++;
        } finally {
          ended++;
        }
      },
    });
    const model = scriptedModel([{ toolCalls: [{ name: "flood" }, { name: "flood" }, { name: "flood" }] }]);
    let taken = 0;
    for await (const event of new Agent({ name: "a", model, tools: [flood] }).respond("?", ids)) {
      if (event.type !== "tool-progress") continue;
      await tick(1);
      if (++taken === 30) break;
    }
    await tick();
    expect(made).toBeLessThan(taken + 10);
    expect(ended).toBe(3);
  });
});

describe("a burst of events that come without a pause", () => {
  const burst: Model = {
    provider: "own",
    id: "burst",
    async *stream(): AsyncGenerator<ModelEvent> {
      for (let count = 0; count < 200_000; count++) yield { type: "text-delta", text: String(count), part: 0 };
    },
  };

  it("lets timers and signals be served", async () => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort("enough"), 10);
    let deltas = 0;
    const run = new Agent({ name: "a", model: burst }).respond("?", { ...ids, signal: controller.signal });
    for await (const event of run) if (event.type === "text-delta") deltas++;
    clearTimeout(timer);
    expect(deltas).toBeLessThan(200_000);
    expect(run.final).toMatchObject({ stopReason: "stopped" });
  });
});
