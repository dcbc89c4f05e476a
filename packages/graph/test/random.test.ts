import fc from "fast-check";
import { expect, test } from "vitest";
import { GraphAgent, node } from "../src/index.ts";
import { ofType, problemsOf, runOnce } from "./read-run.ts";

interface RandomNode {
  readonly dependencies: readonly string[];
  readonly fails: boolean;
  readonly pauses: boolean;
}

/** Graphs without circles: each node depends on some before it. Their order in the list says nothing. */
const randomGraph: fc.Arbitrary<ReadonlyMap<string, RandomNode>> = fc
  .array(
    fc.record({
      links: fc.array(fc.nat(), { maxLength: 4 }),
      fails: fc.boolean(),
      pauses: fc.boolean(),
      rank: fc.nat(),
    }),
    {
      minLength: 1,
      maxLength: 25,
    },
  )
  .map((outline) => {
    const nodes = outline.map(({ links, fails, pauses, rank }, index) => {
      const dependencies = index === 0 ? [] : [...new Set(links.map((link) => `n${link % index}`))];
      return { rank, entry: [`n${index}`, { dependencies, fails: fails && rank % 3 === 0, pauses }] as const };
    });
    return new Map(nodes.toSorted((a, b) => a.rank - b.rank).map(({ entry }) => entry));
  });

function graphOf(random: ReadonlyMap<string, RandomNode>, maxConcurrency: number): GraphAgent {
  const nodes = [...random].map(([name, { dependencies, fails, pauses }]) =>
    node({
      name,
      dependencies,
      retry: false,
      modules: [
        async () => {
          if (pauses) await new Promise((resolve) => setImmediate(resolve));
          if (fails) throw new Error(name);
          return name;
        },
      ],
    }),
  );
  return new GraphAgent({ name: "g", nodes, maxConcurrency });
}

test("each node runs once, after all that it depends on; failures reach exactly what depends on them", async () => {
  await fc.assert(
    fc.asyncProperty(randomGraph, fc.integer({ min: 1, max: 6 }), async (random, places) => {
      const { events, final } = await runOnce(graphOf(random, places));
      expect(problemsOf(events)).toEqual([]);
      const isBlocked = (name: string): boolean =>
        (random.get(name)?.dependencies ?? []).some((other) => random.get(other)?.fails || isBlocked(other));
      const ended: string[] = [];
      const started: string[] = [];
      let running = 0;
      for (const event of events) {
        if (event.type === "module-start") expect(++running).toBeLessThanOrEqual(places);
        if (event.type === "module-result" || event.type === "module-error") running--;
        if (event.type === "node-start") {
          started.push(event.node);
          expect(ended).toEqual(expect.arrayContaining([...(random.get(event.node)?.dependencies ?? [])]));
        }
        if (event.type === "node-result") ended.push(event.node);
      }
      expect(new Set(started).size).toBe(started.length);
      for (const [name, { fails }] of random) {
        const expected = isBlocked(name) ? "blocked" : fails ? "failed" : "complete";
        expect(final.nodes[name]?.status).toBe(expected);
        expect(started.includes(name)).toBe(expected !== "blocked");
      }
      const failed = [...random.keys()].filter((name) => final.nodes[name]?.status === "failed");
      expect(final.failedChains.map(([name]) => name)).toEqual(failed);
      expect(ofType(events, "node-failed").map(({ chain }) => new Set(chain))).toEqual(
        expect.arrayContaining(final.failedChains.map((chain) => new Set(chain))),
      );
      const isPartial = ended.length > 0;
      expect(final.status).toBe(failed.length === 0 ? "complete" : isPartial ? "partial_failure" : "failed");
    }),
    { numRuns: 150 },
  );
});

test("the steps are those of the longest way to each node", () => {
  fc.assert(
    fc.property(randomGraph, (random) => {
      const depth = (name: string): number =>
        Math.max(0, ...(random.get(name)?.dependencies ?? []).map((other) => depth(other) + 1));
      const steps = graphOf(random, 1).steps();
      for (const [index, step] of steps.entries()) for (const name of step) expect(depth(name)).toBe(index);
      expect(new Set(steps.flat())).toEqual(new Set(random.keys()));
    }),
  );
});
