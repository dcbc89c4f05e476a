/**
 * Many readers of many runs over server-sent events: this package, and the AI SDK over the same model, one after the other.
 * Server and readers are processes of their own, and each system gets a fresh one. Then readers that are cut off and read on,
 * and one that stops reading.
 *
 *   node packages/server/bench/load.mjs [--runs 1000] [--deltas 200] [--every 50] [--rounds 3]
 *
 * `--every` is the pause between two deltas of a run, in milliseconds. Over the built packages; with
 * `--conditions=@millrace/source` over their sources.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000" },
    deltas: { type: "string", default: "200" },
    every: { type: "string", default: "50" },
    rounds: { type: "string", default: "3" },
  },
});
const runs = Number(values.runs);
const load = { runs, deltas: Number(values.deltas), everyMs: Number(values.every) };

const systems = {
  "Millrace, no log": "millrace",
  "Millrace, log in memory": "millrace-log",
  "AI SDK": "ai-sdk",
};
const results = Object.fromEntries(Object.keys(systems).map((name) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, system] of Object.entries(systems)) {
    results[name].push(await measure(system, { cutsPerSecond: 0 }));
  }
}
console.log(`${runs} readers of ${runs} runs, ${load.deltas} deltas each, one every ${load.everyMs} ms; medians`);
console.table(
  Object.fromEntries(
    Object.entries(results).map(([name, rounds]) => [
      name,
      {
        "CPU, s": median(rounds, ({ server }) => server.cpuMs / 1000),
        "peak memory, MB": median(rounds, ({ server }) => server.rss / 1e6),
        "of it heap, MB": median(rounds, ({ server }) => server.heap / 1e6),
        "wall, s": median(rounds, ({ readers }) => readers.wallMs / 1000),
        "lost or repeated": Math.max(...rounds.map(({ readers }) => readers.wrong)),
      },
    ]),
  ),
);

const { server, readers } = await measure("millrace-log", { cutsPerSecond: 100 });
console.log(
  `With 100 cuts a second: ${readers.cuts} cuts, ${readers.wrong} runs with events lost or repeated, ` +
    `${(server.cpuMs / 1000).toFixed(1)} s of CPU, ${(server.rss / 1e6).toFixed(0)} MB`,
);

for (const system of ["millrace", "ai-sdk"]) {
  const { made, rss } = await stopReading(system);
  console.log(
    `A reader that stops reading, ${system}: the model made ${(made / 1e6).toFixed(1)} MB and waits; ` +
      `the process grew by ${(rss / 1e6).toFixed(0)} MB`,
  );
}

/** One system under load: what its server cost, and what its readers saw. */
async function measure(system, { cutsPerSecond }) {
  const server = start("server.mjs", [system, JSON.stringify(load)]);
  const [{ port }] = await once(server, "message");
  const readers = start("readers.mjs", [system, JSON.stringify({ ...load, port, cutsPerSecond })]);
  const [seen] = await once(readers, "message");
  server.send("measure");
  const [cost] = await once(server, "message");
  for (const child of [server, readers]) child.kill();
  return { server: cost, readers: seen };
}

async function stopReading(system) {
  const server = start("server.mjs", [system, JSON.stringify({ ...load, isFlood: true })]);
  const [{ port, rss: before }] = await once(server, "message");
  const controller = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/chat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ chatId: "c", input: "Go" }),
    signal: controller.signal,
  });
  await response.body.getReader().read();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  server.send("measure");
  const [{ made, rss }] = await once(server, "message");
  controller.abort();
  server.kill();
  return { made, rss: rss - before };
}

function start(file, args) {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args);
}

function median(rounds, of) {
  const sorted = rounds.map(of).sort((a, b) => a - b);
  return Number(sorted[Math.floor(sorted.length / 2)].toFixed(1));
}
