import { describeFixtures, loadDerived, startReplayServer } from "@millrace/fixtures";
import { expect, it } from "vitest";
import { anthropic } from "../src/index.ts";
import { collect, request } from "./requests.ts";

describeFixtures("derived error streams", { api: "anthropic-messages" }, () => {
  it.for(loadDerived({ api: "anthropic-messages" }))("$id", async ({ id, body }) => {
    const server = await startReplayServer({ split: "random" });
    const model = anthropic("claude", { apiKey: "test-key", baseURL: server.serve(body()) });
    const kinds = { overloaded: "overloaded", ratelimit: "rate-limit", api: "server-error", messages: "network" };
    const kind = Object.entries(kinds).find(([word]) => id.startsWith(`anthropic-${word}`))?.[1];
    try {
      await expect(collect(model, request())).rejects.toMatchObject({ name: "ModelError", kind, retryable: true });
    } finally {
      await server.close();
    }
  });
});
