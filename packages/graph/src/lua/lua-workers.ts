import type { Worker } from "node:worker_threads";
import { ConfigError, errorMessage } from "millrace";
import { after } from "millrace/runs";
import { LuaError, shortened } from "./lua-error.ts";
import type { LuaValue } from "./lua-value.ts";

/** One evaluation. */
export interface LuaJob {
  /** The condition as its author wrote it. */
  readonly source: string;
  /** What Lua is to run. */
  readonly code: string;
  readonly values: ReadonlyMap<string, LuaValue>;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** What a worker tells of its job. */
export type LuaReply =
  /** The engine stands: the clock begins. */
  | { readonly kind: "begun" }
  | { readonly kind: "done"; readonly result: boolean }
  | {
      readonly kind: "failed" | "memory" | "instructions" | "engine";
      readonly message: string;
      readonly line?: number;
    };

/** So many evaluations at a time. */
const maxWorkers = 2;
/** How long an engine may take to begin, in milliseconds: it is loaded with the first job of its worker. */
const startMs = 30_000;

type Threads = typeof import("node:worker_threads");

let workers: LuaWorkers | undefined;

/**
 * The workers of this process. None is started before there is a job.
 *
 * @throws {@link ConfigError} where the runtime has none, or `wasmoon` is not installed
 */
export function findEngine(source: string, workerFile: URL): LuaWorkers {
  if (workers) return workers;
  const needs = `the condition ${shortened(source)} is more than comparisons, paths, #, and, or, not`;
  const builtin = globalThis.process?.getBuiltinModule;
  const threads = builtin?.("node:worker_threads");
  const modules = builtin?.("node:module");
  const urls = builtin?.("node:url");
  if (!threads || !modules || !urls) {
    throw new ConfigError(
      "lua",
      `${needs}: it needs worker threads, which this runtime has not; write a function instead`,
    );
  }
  let wasmoon: string;
  try {
    wasmoon = urls.pathToFileURL(modules.createRequire(import.meta.url).resolve("wasmoon")).href;
  } catch (cause) {
    throw new ConfigError("lua", `${needs}: it needs the package wasmoon (npm install wasmoon)`, { cause });
  }
  workers = new LuaWorkers(() => startWorker(threads, workerFile, wasmoon));
  return workers;
}

function startWorker({ Worker }: Threads, file: URL, wasmoon: string): Worker {
  const worker = new Worker(file, {
    workerData: { wasmoon },
    env: {},
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 64 },
  });
  // Alone it does not keep the process alive.
  worker.unref();
  return worker;
}

/** A few workers, each with one job at a time. One that has to be ended in the middle is replaced with the next job. */
export class LuaWorkers {
  readonly #startOne: () => Worker;
  readonly #idle = new Set<Worker>();
  #busy = 0;
  readonly #queue: (() => void)[] = [];

  constructor(start: () => Worker) {
    this.#startOne = start;
  }

  /**
   * @throws {@link LuaError}
   * @throws the reason of `signal`, once it aborts
   */
  async evaluate(job: LuaJob, signal: AbortSignal): Promise<boolean> {
    await this.#place(signal);
    let worker: Worker | undefined;
    try {
      signal.throwIfAborted();
      worker = this.#take();
      const result = await run(worker, job, signal);
      this.#idle.add(worker);
      return result;
    } catch (error) {
      if (worker && error instanceof LuaError && error.kind !== "time" && error.kind !== "engine") {
        this.#idle.add(worker);
      } else {
        void worker?.terminate();
      }
      throw error;
    } finally {
      this.#busy--;
      this.#queue.shift()?.();
    }
  }

  #take(): Worker {
    const [idle] = this.#idle;
    if (idle) {
      this.#idle.delete(idle);
      return idle;
    }
    const worker = this.#startOne();
    worker.on("exit", () => this.#idle.delete(worker));
    // What breaks while nobody waits concerns nobody; its exit follows.
    worker.on("error", () => {});
    return worker;
  }

  /** Waits for one of the places. */
  async #place(signal: AbortSignal): Promise<void> {
    while (this.#busy >= maxWorkers) {
      await new Promise<void>((resolve, reject) => {
        const leave = (): void => {
          this.#queue.splice(this.#queue.indexOf(go), 1);
          reject(signal.reason);
        };
        const go = (): void => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        this.#queue.push(go);
        signal.addEventListener("abort", leave, { once: true });
      });
    }
    this.#busy++;
  }
}

/** One job in a worker: its answer, or the end of its time. */
function run(worker: Worker, job: LuaJob, signal: AbortSignal): Promise<boolean> {
  const { source, timeoutMs } = job;
  let clear = (): void => {};
  const cleanups: (() => void)[] = [];
  return new Promise<boolean>((resolve, reject) => {
    const fail = (problem: string, kind: LuaError["kind"], line?: number): void =>
      reject(new LuaError(problem, { kind, source, ...(line !== undefined && { line }) }));
    const limit = (ms: number, problem: string): void => {
      clear();
      clear = after(ms, () => {
        // The answer may be there already, behind this timer in the queue.
        setImmediate(() => fail(problem, "time"));
      });
    };
    const listeners = {
      message(reply: LuaReply): void {
        if (reply.kind === "begun") limit(timeoutMs, `it took longer than ${timeoutMs} ms`);
        else if (reply.kind === "done") resolve(reply.result);
        else fail(reply.message, reply.kind, reply.line);
      },
      error: (error: unknown): void => fail(`its engine broke: ${errorMessage(error)}`, "engine"),
      exit: (): void => fail("its engine has ended", "engine"),
    };
    const abort = (): void => reject(signal.reason);
    worker.on("message", listeners.message).on("error", listeners.error).on("exit", listeners.exit);
    signal.addEventListener("abort", abort, { once: true });
    cleanups.push(
      () => worker.off("message", listeners.message).off("error", listeners.error).off("exit", listeners.exit),
      () => signal.removeEventListener("abort", abort),
      () => worker.unref(),
    );
    worker.ref();
    limit(startMs, "its engine could not begin");
    const { code, values, maxBytes } = job;
    worker.postMessage({ code, values, maxBytes });
  }).finally(() => {
    clear();
    for (const cleanup of cleanups) cleanup();
  });
}
