// @vitest-environment jsdom
import { connect } from "@millrace/client";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { Agent, ConfigError, type Message, MillraceError, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { encodeFailure } from "millrace/wire";
import { StrictMode } from "react";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { ChatServer } from "../../client/test/chat-server.ts";
import { type UseChatOptions, useChat } from "./index.ts";

afterEach(cleanup);

const weather = tool({
  name: "get_weather",
  description: "Get the weather",
  input: { type: "object", properties: { city: { type: "string" } } },
  execute: () => "22 °C",
});

type Steps = Parameters<typeof scriptedModel>[0];

async function chat(
  steps: Steps,
  options: Partial<UseChatOptions> & { delayMs?: number; isStrict?: boolean; held?: Promise<void> } = {},
) {
  const { delayMs = 0, isStrict = false, held, ...own } = options;
  const model = scriptedModel(steps, { delayMs });
  const server = new ChatServer(new Agent({ name: "helper", model, tools: [weather] }));
  const client = connect(await server.listen(), {
    retry: { initialDelayMs: 1, maxRetries: 2 },
    fetch: async (...request) => {
      await held;
      return fetch(...request);
    },
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  let renders = 0;
  const hook = renderHook(
    (props: Partial<UseChatOptions>) => {
      renders++;
      return useChat({ client, chatId: "c1", ...own, ...props });
    },
    { initialProps: {}, ...(isStrict && { wrapper: StrictMode }) },
  );
  return { server, client, hook, now: () => hook.result.current, renders: () => renders };
}

function texts({ messages }: ReturnType<typeof useChat>): string[] {
  return messages.map(({ role, parts }) => `${role}: ${parts.map((part) => ("text" in part ? part.text : part.type))}`);
}

test("shows the message at once, then the answer with its tool card", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const steps = [{ toolCalls: [{ name: "get_weather", args: { city: "Rome" } }] }, "It is warm."];
  const { hook, now } = await chat(steps, { held });
  expect(now()).toMatchObject({ messages: [], status: "idle", error: undefined, run: undefined });
  const { send, stop, retry } = now();
  act(() => now().send("Weather?"));
  await waitFor(() => expect(now().status).toBe("sending"));
  expect(texts(now())).toEqual(["user: Weather?"]);
  release();
  await waitFor(() => expect(now().status).toBe("completed"));
  expect(texts(now())).toEqual(["user: Weather?", "assistant: tool", "assistant: It is warm."]);
  expect(now().messages[1]?.parts[0]).toMatchObject({ name: "get_weather", state: "done", result: "22 °C" });
  expect(now().run).toMatchObject({ agentName: "helper", chatId: "c1" });
  expect({ send, stop, retry }).toEqual({ send: now().send, stop: now().stop, retry: now().retry });
  hook.unmount();
});

test("renders at most once per frame", async () => {
  const { now, renders } = await chat(["word ".repeat(3000)]);
  const start = performance.now();
  act(() => now().send("Go"));
  await waitFor(() => expect(now().status).toBe("completed"), { timeout: 10_000 });
  // jsdom has 60 frames a second.
  expect(renders()).toBeLessThan((performance.now() - start) / 16 + 10);
});

test("stop keeps what has arrived, and another message can be sent", async () => {
  const { now } = await chat(["many words ".repeat(200), "Second."], { delayMs: 5 });
  act(() => now().send("Go"));
  await waitFor(() => expect(texts(now())[1]).toContain("many"));
  expect(() => now().send("Too early")).toThrow(ConfigError);
  act(() => now().stop());
  await waitFor(() => expect(now().status).toBe("stopped"));
  expect(texts(now())[1]).toContain("many words");
  act(() => now().send("Again"));
  await waitFor(() => expect(now().status).toBe("completed"));
  expect(texts(now()).slice(2)).toEqual(["user: Again", "assistant: Second."]);
});

test("a message that the server did not take is sent again by retry", async () => {
  const { server, now } = await chat(["Hello."]);
  server.intercept = (_, response) => {
    response.writeHead(401, { "content-type": "application/json" });
    response.end('{"error":{"code":"unauthenticated","message":"sign in"}}');
    return true;
  };
  act(() => now().send("Hi"));
  await waitFor(() => expect(now().status).toBe("failed"));
  expect(now().error).toMatchObject({ status: 401, code: "unauthenticated" });
  server.intercept = undefined;
  act(() => now().retry());
  await waitFor(() => expect(now().status).toBe("completed"));
  expect(now().error).toBeUndefined();
  expect(texts(now())).toEqual(["user: Hi", "assistant: Hello."]);
});

test("a run that was lost is read on by retry, not begun again", async () => {
  const { server, now } = await chat(["one two three four five six"], { delayMs: 40 });
  act(() => now().send("Hi"));
  await waitFor(() => expect(texts(now())[1]).toContain("one"));
  server.intercept = (_, response) => {
    response.writeHead(503).end();
    return true;
  };
  server.cutAll();
  await waitFor(() => expect(now().status).toBe("failed"));
  server.intercept = undefined;
  act(() => now().retry());
  await waitFor(() => expect(now().status).toBe("completed"));
  expect(texts(now())).toEqual(["user: Hi", "assistant: one two three four five six"]);
  expect(server.runs.size).toBe(1);
});

test.each([
  [
    "its process has died",
    200,
    `data: ${encodeFailure(Object.assign(new MillraceError("lost"), { kind: "lost" }))}\n\n`,
  ],
  ["it is forgotten", 404, '{"error":{"code":"not-found","message":"there is no such run"}}'],
])("a run of which the server says that %s is begun again by retry", async (_, code, body) => {
  const { server, now } = await chat(["one two three four five six", "Second."], { delayMs: 40 });
  act(() => now().send("Hi"));
  await waitFor(() => expect(texts(now())[1]).toContain("one"));
  server.intercept = (_, response) => {
    response.writeHead(code, { "content-type": code === 200 ? "text/event-stream" : "application/json" }).end(body);
    return true;
  };
  server.cutAll();
  await waitFor(() => expect(now().status).toBe("failed"));
  server.intercept = undefined;
  act(() => now().retry());
  await waitFor(() => expect(now().status).toBe("completed"));
  expect(texts(now()).slice(-2)).toEqual(["user: Hi", "assistant: Second."]);
  expect(server.runs.size).toBe(2);
});

test("what the run failed with is the error", async () => {
  const { now } = await chat([]);
  act(() => now().send("Hi"));
  await waitFor(() => expect(now().status).toBe("failed"));
  expect(String(now().error)).toContain("was not expected");
});

test("resume reads on in the chat's run, and does not show its messages twice", async () => {
  const initialMessages: Message[] = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: [{ type: "text", text: "Earlier." }] },
    { role: "user", content: "Count" },
  ];
  const { client, server, hook, now } = await chat(["one two three four"], { delayMs: 30, isStrict: true });
  const first = client.respond("Count", { chatId: "c1" });
  await first.next();
  hook.unmount();
  const { result } = renderHook(() => useChat({ client, chatId: "c1", initialMessages, resume: true }), {
    wrapper: StrictMode,
  });
  expect(texts(result.current)).toEqual(["user: Hi", "assistant: Earlier.", "user: Count"]);
  await waitFor(() => expect(result.current.status).toBe("completed"));
  expect(texts(result.current)).toEqual([
    "user: Hi",
    "assistant: Earlier.",
    "user: Count",
    "assistant: one two three four",
  ]);
  expect(server.runs.size).toBe(1);
  await first.return();
  expect(now().status).toBe("idle");
});

test("a message can be sent before the server has said whether there is a run to resume", async () => {
  const { server, now } = await chat(["Hello."], { resume: true });
  let isLeft = false;
  server.intercept = ({ method }, response) => {
    if (method !== "GET") return false;
    response.once("close", () => {
      isLeft = true;
    });
    return true;
  };
  await waitFor(() => expect(server.requests).toHaveLength(1));
  expect(now().status).toBe("idle");
  act(() => now().send("Hi"));
  await waitFor(() => expect(now().status).toBe("completed"));
  expect(texts(now())).toEqual(["user: Hi", "assistant: Hello."]);
  await waitFor(() => expect(isLeft).toBe(true));
});

test("an unmounted component closes its connection and leaves the run alone; StrictMode sends once", async () => {
  const { server, hook, now } = await chat(["one two three four"], { delayMs: 30, isStrict: true });
  act(() => now().send("Count"));
  await waitFor(() => expect(texts(now())[1]).toContain("one"));
  hook.unmount();
  await waitFor(() => expect(server.openSockets).toBe(0));
  expect(server.requests.map(({ method }) => method)).toEqual(["POST"]);
  await waitFor(() => expect([...server.runs.values()][0]?.run.final?.stopReason).toBe("completed"));
});

test("another chatId is another chat", async () => {
  const { hook, now } = await chat(["First.", "Second."]);
  act(() => now().send("Hi"));
  await waitFor(() => expect(now().status).toBe("completed"));
  hook.rerender({ chatId: "c2", initialMessages: [{ role: "user", content: "Old" }] });
  expect(texts(now())).toEqual(["user: Old"]);
  expect(now().status).toBe("idle");
});

test("without url and client there is no chat", () => {
  expect(() => renderHook(() => useChat({ chatId: "c1" }))).toThrow(ConfigError);
});
