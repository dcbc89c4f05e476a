import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { expect, it } from "vitest";
import { tracing } from "../src/tracing.ts";
import { Recorder } from "./recorder.ts";

interface OtlpSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status: { readonly code?: number };
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly OtlpSpan[] }[];
  }[];
}

it("arrives at a collector as one tree", async () => {
  const bodies: OtlpBody[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    bodies.push(JSON.parse(text));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` }),
  });
  const recorder = new Recorder(processor);
  try {
    const look = tool({
      name: "look",
      description: "Looks",
      execute: () => {
        throw new Error("blind");
      },
    });
    const helper = new Agent({
      name: "helper",
      model: scriptedModel([{ toolCalls: [{ name: "look" }] }, "Helped."]),
      tools: [look],
    });
    const model = scriptedModel([{ toolCalls: [{ name: "helper", args: { input: "?" } }] }, "Done."]);
    const agent = new Agent({ name: "top", model, tools: [helper.asTool()], ...tracing() });
    await agent.sendMessage("?", { userId: "ada", chatId: "c1" });
    await processor.forceFlush();
  } finally {
    await processor.shutdown();
    recorder.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  const scopes = bodies.flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans));
  expect(new Set(scopes.map(({ scope }) => scope.name))).toEqual(new Set(["@millrace/otel"]));
  const spans = scopes.flatMap((scope) => scope.spans);
  const tree = (parent: string | undefined): object[] =>
    spans
      .filter(({ parentSpanId }) => (parentSpanId || undefined) === parent)
      .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
      .map(({ name, spanId, status }) => {
        const under = tree(spanId);
        return { name, ...(status.code === 2 && { failed: true }), ...(under.length > 0 && { under }) };
      });
  expect(tree(undefined)).toEqual([
    {
      name: "invoke_agent top",
      under: [
        { name: "chat scripted" },
        {
          name: "execute_tool helper",
          under: [
            {
              name: "invoke_agent helper",
              under: [
                { name: "chat scripted" },
                { name: "execute_tool look", failed: true },
                { name: "chat scripted" },
              ],
            },
          ],
        },
        { name: "chat scripted" },
      ],
    },
  ]);
  for (const { attributes, startTimeUnixNano, endTimeUnixNano } of spans) {
    expect(attributes).toContainEqual({ key: "user.id", value: { stringValue: "ada" } });
    expect(attributes).toContainEqual({ key: "gen_ai.conversation.id", value: { stringValue: "c1" } });
    expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
  }
});
