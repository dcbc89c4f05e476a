// The web chat's server: `npm run web-chat` at the root of the repository builds the page and starts it.
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { serve } from "@hono/node-server";
import { errorMessage } from "millrace";
import { createApp } from "./app.ts";
import { chooseModel } from "./choose-model.ts";

const { PORT = "5173", HOST = "127.0.0.1", DATA = join(import.meta.dirname, "../.data") } = process.env;

const { note, close: closeModel, ...model } = await chooseModel(process.env);
const { fetch, close: closeApp } = createApp(model, DATA);
const server = serve({ fetch, port: Number(PORT), hostname: HOST }, ({ port }) => {
  console.log(`The chat is at http://localhost:${port}\n${note}\nCtrl-C ends it.`);
});

server.on("error", (error) => {
  const isTaken = "code" in error && error.code === "EADDRINUSE";
  console.error(isTaken ? `Port ${PORT} is taken. Take another one: PORT=5174 npm run web-chat` : errorMessage(error));
  process.exit(1);
});

let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());

/** Answers that are being written are stopped, and what has arrived of them is kept. */
async function end(): Promise<void> {
  // Npm hands on what the terminal has sent already: the second signal must not cut the first one's work.
  if (isEnding) return;
  isEnding = true;
  const closed = new Promise((resolve) => server.close(resolve));
  await closeApp();
  // Pages are told of the end, unless they do not read.
  await Promise.race([closed, delay(1000)]);
  await closeModel();
  process.exit();
}
