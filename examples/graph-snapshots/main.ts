// A task that is saved as it goes, is cut in its midst, and goes on where it was: what was done is not done again.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphAgent, node, Task } from "@millrace/graph";
import { folderSnapshots } from "@millrace/graph/node";

const folder = await mkdtemp(join(tmpdir(), "snapshots-"));
const owner = { userId: "u1", chatId: "c1" };

/** Made anew for each process: all that one knows of another is in the folder. */
function nightlyReport(): GraphAgent {
  const work = (name: string, ...dependencies: string[]) =>
    node({
      name,
      dependencies,
      snapshot: "always",
      modules: [
        async ({ cache }) => {
          console.log(`  ${name} works`);
          await cache.set(`${name}-at`, new Date(0));
          return `${name} is done`;
        },
      ],
    });
  return new GraphAgent({
    name: "nightly-report",
    snapshots: folderSnapshots(folder),
    nodes: [work("collect"), work("clean", "collect"), work("sum", "clean"), work("send", "sum")],
  });
}

console.log("the first process");
const task = new Task({ type: "report", objective: "Report of the night" });
const first = nightlyReport().run(task, owner);
for await (const event of first) {
  // As a crash would: nothing is told, nothing is put in order. What counts is in the folder.
  if (event.type === "node-start" && event.node === "sum") break;
}

console.log("the second process");
const second = await nightlyReport().resumeLatest(task.id, owner);
for await (const event of second) {
  if (event.type === "graph-start") console.log(`  goes on from snapshot ${event.resumedFrom}`);
  if (event.type === "final") console.log(`  ${event.status}:`, event.results);
}
console.log("values of before are there:", await second.cache.get("collect-at"));

await rm(folder, { recursive: true, force: true });
