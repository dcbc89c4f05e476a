import type { Cache } from "@millrace/cache";
import { GraphAgent, type GraphNode, node, type SnapshotStore } from "../src/index.ts";

/** The owner of the runs. */
export const owner = { userId: "u1", chatId: "c1" };

/** Numbers from 0 up to 1 that a seed determines. */
export function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A graph of thirty nodes that are always saved: some with two modules, one after the other or side by side, some with a
 * generator; each module sets a value, publishes a message, and takes a few milliseconds.
 *
 * @param seed what depends on what, and how long it takes
 * @param onRun told of each module that runs
 */
export function thirtyNodes(
  seed: number,
  options: { cache?: Cache; snapshots?: SnapshotStore; onRun?: (path: string) => void },
): GraphAgent {
  const { onRun = () => {}, ...rest } = options;
  const random = numbersOf(seed);
  const nodes = Array.from({ length: 30 }, (_, index): GraphNode => {
    const name = `n${index}`;
    const dependencies = Array.from({ length: 3 }, () => Math.floor(random() * 30))
      .filter((other) => other < index)
      .map((other) => `n${other}`);
    const isPair = random() < 0.4;
    const isGenerator = random() < 0.2;
    const modules = (isPair ? ["first", "second"] : ["only"]).map((module) => {
      const pauseMs = random() * 4;
      const work = async (cache: Cache, input: unknown): Promise<string> => {
        onRun(`${name}/${module}`);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        await cache.set(`${name}/${module}`, new Date(index));
        return `${name}/${module} of ${JSON.stringify(input).length}`;
      };
      return {
        name: module,
        outputMailbox: "done",
        run: isGenerator
          ? async function* ({ cache, input }: { cache: Cache; input: unknown }) {
              for (;;) yield await work(cache, input);
            }
          : ({ cache, input }: { cache: Cache; input: unknown }) => work(cache, input),
      };
    });
    const parallel = random() < 0.5;
    return node({ name, dependencies, modules, parallel, snapshot: "always", outputMailbox: `of-${name}` });
  });
  return new GraphAgent({ name: "thirty", nodes, ...rest });
}

/** The paths of all its modules. */
export function pathsOf(graph: GraphAgent): string[] {
  return graph.nodes.flatMap(({ name, modules }) => modules.map((module) => `${name}/${module.name}`));
}
