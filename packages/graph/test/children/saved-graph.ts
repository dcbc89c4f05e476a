// Runs the graph of thirty nodes, to be killed in its midst: node saved-graph.ts <folder or redis URL> <task's id> <seed>
import { RedisCache } from "@millrace/cache/redis";
import { Task } from "../../src/index.ts";
import { folderSnapshots } from "../../src/node.ts";
import { owner, thirtyNodes } from "../thirty-nodes.ts";

const [place = "", id = "", seed = "0"] = process.argv.slice(2);
const graph = place.startsWith("redis:")
  ? thirtyNodes(Number(seed), { cache: new RedisCache({ url: place }) })
  : thirtyNodes(Number(seed), { snapshots: folderSnapshots(place) });
const run = graph.run(new Task({ type: "kill", objective: "Be killed", id }), owner);
for await (const event of run) {
  if (event.type === "snapshot" && event.number === 0) process.stdout.write("saved\n");
}
process.stdout.write("over\n");
setInterval(() => {}, 1000);
