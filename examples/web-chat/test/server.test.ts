import { connect } from "@millrace/client";
import { startSimulator } from "@millrace/simulator";
import { expect, onTestFinished, test, vi } from "vitest";
import { ChatServer } from "./chat-server.ts";

// Each test starts a process or two.
vi.setConfig({ testTimeout: 20_000 });

async function started(env?: NodeJS.ProcessEnv): Promise<ChatServer> {
  const server = new ChatServer({ ...(env && { env }) });
  onTestFinished(() => server[Symbol.asyncDispose]());
  await server.start();
  return server;
}

const headers = { cookie: "visitor=ada" };

test("ends cleanly in the middle of an answer, and has kept what had arrived", async () => {
  const server = await started();
  const run = connect(`${server.url}api/chat`, { headers }).respond("How does a stream work?", { chatId: "c1" });
  let arrived = "";
  let exitCodes: Promise<unknown> | undefined;
  let stopReason: string | undefined;
  for await (const event of run) {
    if (event.type === "text-delta") arrived += event.text;
    if (arrived.length > 20) exitCodes ??= Promise.all([server.end("SIGINT"), server.end("SIGINT")]);
    if (event.type === "final") stopReason = event.stopReason;
  }
  expect(stopReason).toBe("stopped");
  expect(await exitCodes).toEqual([0, 0]);

  await server.start();
  const { messages } = await (await fetch(`${server.url}api/chats/c1`, { headers })).json();
  expect(messages).toMatchObject([
    { role: "user", content: "How does a stream work?" },
    { role: "assistant", content: expect.arrayContaining([{ type: "text", text: arrived }]) },
  ]);
});

test("says which port is taken, and what to do", async () => {
  const { port } = await started();
  const second = new ChatServer({ port });
  onTestFinished(() => second[Symbol.asyncDispose]());
  await expect(second.start()).rejects.toThrow(`Port ${port} is taken. Take another one: PORT=`);
});

test("asks a real model where there is a key", async () => {
  await using model = await startSimulator({ answer: ({ prompt }) => `You said: ${prompt}` });
  const { url } = await started({ OPENAI_API_KEY: "key", OPENAI_BASE_URL: model.baseURL });
  let answer = "";
  for await (const event of connect(`${url}api/chat`, { headers }).respond("Hello", { chatId: "c1" })) {
    if (event.type === "final") answer = event.output;
  }
  expect(answer).toBe("You said: Hello");
});

test("knows users by their cookie alone, and takes nothing from another", async () => {
  const { url } = await started();
  const ask = (path: string, init?: RequestInit) => fetch(`${url}api/${path}`, init);
  for await (const _ of connect(`${url}api/chat`, { headers }).respond("Hello", { chatId: "c1" }));
  expect(await (await ask("chats", { headers })).json()).toMatchObject([{ chatId: "c1", title: "Hello" }]);
  const stranger = await ask("chats", {});
  expect(stranger.headers.get("set-cookie")).toMatch(/visitor=[\w-]{36};.*HttpOnly; SameSite=Strict/);
  expect(await stranger.json()).toEqual([]);
  const others = { headers: { cookie: "visitor=bob" } };
  expect(await (await ask("chats/c1", others)).json()).toEqual({ messages: [], runId: null });
  await ask("chats/c1", { ...others, method: "DELETE" });
  const title = JSON.stringify({ title: "Mine" });
  await ask("chats/c1", { ...others, method: "PATCH", body: title });
  expect((await ask("chat?chat=c1", others)).status).toBe(204);
  expect(await (await ask("chats", { headers })).json()).toMatchObject([{ title: "Hello" }]);
  expect((await ask("chats/c1", { headers, method: "PATCH", body: "{" })).status).toBe(400);
  expect((await ask("chat", { method: "POST", body: title })).status).toBe(401);
});
