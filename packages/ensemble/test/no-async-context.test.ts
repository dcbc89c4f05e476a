import { expect, test, vi } from "vitest";

test("a runtime without AsyncLocalStorage is told where things belong", async () => {
  vi.stubGlobal("process", undefined);
  vi.resetModules();
  const { Ensemble, miniagent, NoEnsembleError } = await import("../src/index.ts");
  vi.unstubAllGlobals();

  const inner = miniagent((ctx) => ctx.reply(ctx.messages), { alias: "INNER" });
  const outer = miniagent((ctx) => ctx.reply(inner.trigger(ctx.messages, {}, { within: ctx })), { alias: "OUTER" });
  const ensemble = new Ensemble();
  expect(() => outer.trigger("x")).toThrow(NoEnsembleError);
  const replies = outer.trigger("x", {}, { within: ensemble });
  expect((await replies).map(String)).toEqual(["x"]);
  ensemble.cancel(new Error("over"));
  await expect(outer.trigger("x", {}, { within: ensemble })).rejects.toThrow("over");
  await ensemble.idle();
});
