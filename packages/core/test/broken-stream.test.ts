import { describe, expect, it } from "vitest";
import { Agent } from "../src/agent.ts";
import { httpModel, ids, serve, until } from "./loopback.ts";

describe("a stream that ends without its end marker", () => {
  it("is never a success", async () => {
    await using cut = await serve((_, response) => {
      response.writeHead(200, { connection: "close" });
      response.end("data: Half\n\n");
    });
    await using empty = await serve((_, response) => response.end());
    await using portal = await serve((_, response) => response.end("<html>Please log in</html>"));
    for (const { url } of [cut, empty, portal]) {
      const run = new Agent({ name: "a", model: httpModel(url) }).respond("?", ids);
      const reading = (async () => {
        for await (const _ of run);
      })();
      await expect(reading).rejects.toMatchObject({ kind: "protocol" });
      expect(run.final).toMatchObject({ stopReason: "error", error: { kind: "protocol" } });
    }
  });

  it("keeps what had arrived", async () => {
    await using reset = await serve((_, response) => {
      response.writeHead(200);
      response.write("data: Half\n\n");
      setTimeout(() => response.destroy(), 20);
    });
    const run = new Agent({ name: "a", model: httpModel(reset.url) }).respond("?", ids);
    const reading = (async () => {
      for await (const _ of run);
    })();
    await expect(reading).rejects.toThrow();
    await until(() => reset.sockets.size === 0);
    expect(run.final).toMatchObject({ stopReason: "error", output: "Half", usage: { estimated: true } });
  });
});
