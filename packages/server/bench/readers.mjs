/** The readers of load.mjs: each begins a run, reads it to its end, and looks whether each word came once and in order. */
import { Agent, request } from "node:http";
import { createParser } from "eventsource-parser";

const [system, options] = process.argv.slice(2);
const { port, runs, deltas, cutsPerSecond } = JSON.parse(options);
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
const reading = new Set();
let cuts = 0;

const startedAt = performance.now();
const cutting = cutsPerSecond > 0 && setInterval(cutOne, 1000 / cutsPerSecond);
const seen = await Promise.all(Array.from({ length: runs }, (_, index) => readRun(`c${index}`)));
clearInterval(cutting);
process.send({ wallMs: performance.now() - startedAt, cuts, wrong: seen.filter((isRight) => !isRight).length });

/** Cuts a connection that is read, at random. */
function cutOne() {
  const one = [...reading][Math.floor(Math.random() * reading.size)];
  if (!one) return;
  reading.delete(one);
  cuts++;
  one.destroy();
}

/** Reads a run over as many connections as it takes. Gives whether all of it came, once and in order. */
async function readRun(chatId) {
  const state = { chatId, runId: undefined, lastId: undefined, words: 0, isRight: true, isOver: false };
  while (!state.isOver) await readOnce(state);
  return state.isRight && state.words === deltas;
}

function readOnce(state) {
  const { chatId, runId, lastId } = state;
  const isAgain = runId !== undefined;
  return new Promise((resolve) => {
    const asked = request({
      agent,
      port,
      host: "127.0.0.1",
      path: isAgain ? `/chat?run=${runId}` : "/chat",
      method: isAgain ? "GET" : "POST",
      headers: isAgain ? lastId !== undefined && { "last-event-id": lastId } : { "content-type": "application/json" },
    });
    asked.on("response", (response) => {
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
      state.runId = response.headers["x-run-id"];
      const parser = createParser({ onEvent: (message) => take(state, message) });
      response.setEncoding("utf8");
      response.on("data", (text) => parser.feed(text));
      response.on("error", () => {});
      response.on("close", () => {
        reading.delete(response);
        if (!response.complete && !state.runId) throw new Error("a connection was lost");
        resolve();
      });
      reading.add(response);
    });
    asked.on("error", () => resolve());
    asked.end(isAgain ? undefined : JSON.stringify({ chatId, input: "Go" }));
  });
}

function take(state, { id, data }) {
  if (data === "[DONE]") {
    state.isOver = true;
    return;
  }
  const event = JSON.parse(data);
  if (system !== "ai-sdk") {
    if (event.seq !== Number(state.lastId ?? -1) + 1) state.isRight = false;
    state.lastId = id;
  }
  if (event.type === "text-delta" && (event.text ?? event.delta) !== `w${state.words++} `) state.isRight = false;
  if (event.type === "final") state.isOver = true;
}
