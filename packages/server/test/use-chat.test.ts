// @vitest-environment jsdom
import { useChat } from "@ai-sdk/react";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { DefaultChatTransport } from "ai";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterEach, expect, it, onTestFinished } from "vitest";
import { aiSDK } from "../src/ai-sdk.ts";
import { type ChatHandlerOptions, createChatHandler, memoryEventLog } from "../src/index.ts";
import { authenticate, serve, until } from "./serve.ts";

afterEach(cleanup);

const long = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");
const weather = tool({ name: "weather", description: "Weather", execute: () => ({ sky: "clear" }) });

type Steps = Parameters<typeof scriptedModel>[0];

/** A page with `useChat`, as it is. */
async function page(steps: Steps, own: Partial<ChatHandlerOptions> & { delayMs?: number } = {}) {
  const { delayMs = 0, ...options } = own;
  const ends: string[] = [];
  const hooks = { onFinal: ({ stopReason }: { stopReason: string }) => void ends.push(stopReason) };
  const agent = new Agent({ name: "a", model: scriptedModel(steps, { delayMs }), tools: [weather], hooks });
  const handler = createChatHandler(agent, {
    authenticate,
    protocol: aiSDK(),
    path: "/chat",
    onError: () => {},
    ...options,
  });
  const server = await serve(handler);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const open = (resume = false) =>
    renderHook(() => {
      const transport = new DefaultChatTransport({ api: server.url, headers: { "x-user": "ada" } });
      return useChat({ id: "c1", transport, resume });
    });
  return { url: server.url, ends, open };
}

type Chat = ReturnType<Awaited<ReturnType<typeof page>>["open"]>;

const partsOf = ({ result }: Chat): string[] =>
  result.current.messages.flatMap(({ role, parts }) =>
    parts.map(
      (part) =>
        `${role} ${part.type}${"state" in part ? ` ${part.state}` : ""}${"text" in part ? `: ${part.text}` : ""}`,
    ),
  );

const say = ({ result }: Chat, text: string): Promise<void> => act(() => result.current.sendMessage({ text }));

it("shows an answer with its tool, and the next one", async () => {
  const { open } = await page([{ text: "Looking.", toolCalls: [{ name: "weather" }] }, "Clear.", "Still clear."]);
  const chat = open();
  await say(chat, "Sky?");
  expect(chat.result.current.status).toBe("ready");
  expect(partsOf(chat)).toEqual([
    "user text: Sky?",
    "assistant step-start",
    "assistant text done: Looking.",
    "assistant tool-weather output-available",
    "assistant step-start",
    "assistant text done: Clear.",
  ]);
  await say(chat, "And now?");
  expect(partsOf(chat).at(-1)).toBe("assistant text done: Still clear.");
});

it("shows an error, and goes on after it", async () => {
  const { open } = await page([{ text: "Half", error: new Error("no more") }, "Fine."]);
  const chat = open();
  await say(chat, "Hi");
  expect(chat.result.current.status).toBe("error");
  expect(chat.result.current.error?.message).toBe("no more");
  expect(partsOf(chat).at(-1)).toBe("assistant text done: Half");
  await act(() => chat.result.current.regenerate());
  expect(chat.result.current.status).toBe("ready");
  expect(partsOf(chat).at(-1)).toBe("assistant text done: Fine.");
});

it("stops the run with its own stop button", async () => {
  const { open, ends } = await page([long, "Next."], { delayMs: 10 });
  const chat = open();
  act(() => void chat.result.current.sendMessage({ text: "Go" }));
  await waitFor(() => expect(partsOf(chat).at(-1)).toContain("word1"));
  await act(() => chat.result.current.stop());
  expect(chat.result.current.status).toBe("ready");
  await until(() => ends.length > 0);
  expect(ends).toEqual(["stopped"]);
  await say(chat, "And?");
  expect(partsOf(chat).at(-1)).toBe("assistant text done: Next.");
});

it("resumes after a reload, in two pages, and stops for both through the log", async () => {
  const { open, url } = await page([long], { delayMs: 20, log: memoryEventLog() });
  const first = open();
  act(() => void first.result.current.sendMessage({ text: "Go" }));
  await waitFor(() => expect(partsOf(first).at(-1)).toContain("word1"));
  first.unmount();
  const [reloaded, second] = [open(true), open(true)];
  await waitFor(() => expect(partsOf(reloaded).at(-1)).toContain("word1"));
  await waitFor(() => expect(partsOf(second).at(-1)).toContain("word1"));
  await fetch(`${url}/c1/stream`, { method: "DELETE", headers: { "x-user": "ada" } });
  for (const chat of [reloaded, second]) await waitFor(() => expect(chat.result.current.status).toBe("ready"));
  expect(partsOf(reloaded)).toEqual(partsOf(second));
  expect(partsOf(reloaded).at(-1)).not.toContain("word59");
  const late = open(true);
  await waitFor(() => expect(late.result.current.status).toBe("ready"));
  expect(late.result.current.messages).toEqual([]);
});
