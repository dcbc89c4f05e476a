import { join } from "node:path";
import { serveStatic } from "@hono/node-server/serve-static";
import { createChatHandler } from "@millrace/server";
import { fileEventLog } from "@millrace/server/node";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { Agent, type AgentOptions, repairHistory } from "millrace";
import { ChatDatabase } from "./chat-database.ts";
import { tools } from "./tools.ts";
import { userOf, visitor } from "./visitor.ts";

/** The page, its chats and its agent. */
export interface App {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Stops the runs that go on, and waits until they are kept. */
  close(): Promise<void>;
}

/**
 * @param model the model, and how it is asked
 * @param folder for the chats and the events of their runs
 */
export function createApp(model: Pick<AgentOptions, "model" | "settings" | "retry">, folder: string): App {
  const agent = new Agent({
    name: "miller",
    instructions: "You are a helpful assistant. Answer in Markdown, and be brief.",
    tools,
    ...model,
  });
  const closing = new AbortController();
  const runs = new Set<Promise<void>>();

  const log = fileEventLog(join(folder, "runs"), { lostMs: 4000 });
  const chats = new ChatDatabase(join(folder, "chats.sqlite"));
  const handler = createChatHandler(agent, {
    authenticate: userOf,
    store: chats,
    log,
    respondOptions: () => ({
      signal: closing.signal,
      hooks: { onRunStart: ({ run, input }) => chats.began(run, input) },
    }),
    waitUntil: (done) => {
      runs.add(done);
      void done.then(() => runs.delete(done));
    },
  });

  const app = new Hono()
    .use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"], imgSrc: ["'self'", "data:"] } }))
    .use(visitor)
    .all("/api/chat", ({ req }) => handler(req.raw))
    .get("/api/chats", (c) => c.json(chats.list(c.var.userId)))
    .get("/api/chats/:chatId", (c) => {
      const chat = { userId: c.var.userId, chatId: c.req.param("chatId") };
      // What a crash has left half done is shown as what the model will read of it.
      return c.json({ messages: repairHistory(chats.load(chat)), runId: chats.latestRun(chat) });
    })
    .patch("/api/chats/:chatId", bodyLimit({ maxSize: 10_000 }), async (c) => {
      const { title } = await c.req.json<{ title?: unknown }>().catch(() => ({ title: undefined }));
      if (typeof title !== "string" || title.trim() === "") return c.json({ error: "expected a title" }, 400);
      chats.rename({ userId: c.var.userId, chatId: c.req.param("chatId") }, title.trim());
      return c.body(null, 204);
    })
    .delete("/api/chats/:chatId", (c) => {
      chats.remove({ userId: c.var.userId, chatId: c.req.param("chatId") });
      return c.body(null, 204);
    })
    .use("/*", serveStatic({ root: join(import.meta.dirname, "../dist") }))
    // The page reads the chat's id from its own address.
    .get("/chat/:chatId", serveStatic({ path: join(import.meta.dirname, "../dist/index.html") }));

  return {
    fetch: app.fetch,
    async close() {
      closing.abort("the server is being shut down");
      await Promise.all(runs);
      chats.close();
    },
  };
}
