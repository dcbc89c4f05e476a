import { tick } from "../loopback.ts";

/** Collects garbage, needs `--expose-gc`; gives the bytes of the heap that are left. */
export async function collect(): Promise<number> {
  for (let count = 0; count < 5; count++) {
    globalThis.gc?.();
    await tick(10);
  }
  return process.memoryUsage().heapUsed;
}
