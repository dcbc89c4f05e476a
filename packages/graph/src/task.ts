import { type ErrorJson, errorJson, MillraceError } from "millrace";
import { type Check, fields, isObject, text, wrong } from "millrace/runs";

/** Where a task stands. `partial_failure`: some of its nodes succeeded, some failed. */
export type TaskStatus = "waiting" | "executing" | "complete" | "failed" | "partial_failure";

/** What a {@link Task} is made of. */
export interface TaskOptions {
  /** What kind of task it is, in a word of your own. */
  type: string;
  /** What is to be achieved, in words. */
  objective: string;
  /** What the modules need to know: plain data. Default: nothing. */
  params?: Readonly<Record<string, unknown>>;
  /** Any text that is not empty, no two tasks the same. Default: a new UUID. */
  id?: string;
}

/** A task as plain data: what modules and conditions see under the key `task`. */
export interface TaskState {
  readonly id: string;
  readonly type: string;
  readonly objective: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly status: TaskStatus;
  /** What came of it: what each node gave, by the node's name. */
  readonly result?: unknown;
  /** Why it failed, or failed in part. */
  readonly error?: ErrorJson;
}

const checkOptions = fields({
  type: text,
  objective: text,
  params: (value, at) => {
    if (!isObject(value)) throw wrong(at, "an object", value);
  },
  id: text,
} satisfies Record<keyof TaskOptions, Check>);

function checkTask(options: TaskOptions, at: string): void {
  checkOptions(options, at);
  text(options.type, `${at}.type`);
  text(options.objective, `${at}.objective`);
}

/** Throws {@link ConfigError} for what is no {@link Task}: by what it can do, for there may be another copy of the package. */
export const checkIsTask: Check = (value, at) => {
  const isTask = isObject(value) && typeof value["begin"] === "function" && typeof value["toJSON"] === "function";
  if (!isTask) throw wrong(at, "a Task: new Task({ type, objective })", value);
};

/** Where a task may go from where it stands. */
const transitions: Record<TaskStatus, readonly TaskStatus[]> = {
  waiting: ["executing"],
  executing: ["complete", "failed", "partial_failure"],
  complete: [],
  failed: [],
  partial_failure: [],
};

/** A task cannot go where it was told to go. */
export class TaskError extends MillraceError {
  static {
    TaskError.prototype.name = "TaskError";
  }

  readonly taskId: string;
  readonly from: TaskStatus;
  readonly to: TaskStatus;

  constructor(taskId: string, from: TaskStatus, to: TaskStatus) {
    const allowed = transitions[from].join(" or ") || "nothing else: it is over, make another task";
    super(`task ${taskId}: it is ${from} and cannot become ${to}; it can become ${allowed}`);
    this.taskId = taskId;
    this.from = from;
    this.to = to;
  }
}

/**
 * One piece of work for a graph. It waits, is executed once, and ends as `complete`, `failed` or `partial_failure`, with
 * its result or its error set, however the run ended. The graph moves it; who makes it only reads.
 *
 * @example
 * ```ts
 * import { Task } from "@millrace/graph";
 *
 * const task = new Task({ type: "report", objective: "Write about the town mill", params: { words: 500 } });
 * ```
 */
export class Task {
  readonly id: string;
  readonly type: string;
  readonly objective: string;
  readonly params: Readonly<Record<string, unknown>>;
  #status: TaskStatus = "waiting";
  #result: unknown;
  #error: Error | ErrorJson | undefined;

  /** @throws {@link ConfigError} naming the option that cannot work */
  constructor(options: TaskOptions) {
    checkTask(options, "task");
    const { type, objective, params = {}, id = crypto.randomUUID() } = options;
    this.id = id;
    this.type = type;
    this.objective = objective;
    this.params = params;
  }

  /** A task from its plain data, standing where it stood. */
  static from({ status, result, error, ...options }: TaskState): Task {
    const task = new Task(options);
    task.#status = status;
    task.#result = result;
    task.#error = error;
    return task;
  }

  get status(): TaskStatus {
    return this.#status;
  }

  /** What came of it, once it is over: what each node gave, by the node's name. */
  get result(): unknown {
    return this.#result;
  }

  /** Why it failed, or failed in part. Plain data in a task that comes from a snapshot. */
  get error(): Error | ErrorJson | undefined {
    return this.#error;
  }

  /** @throws {@link TaskError} if it does not wait */
  begin(): void {
    this.#move("executing");
  }

  /** @throws {@link TaskError} if it is not executed */
  complete(result: unknown): void {
    this.#move("complete");
    this.#result = result;
  }

  /**
   * Ends it as failed, or as failed in part where something succeeded.
   *
   * @throws {@link TaskError} if it is not executed
   */
  fail(error: Error, result?: unknown, status: "failed" | "partial_failure" = "failed"): void {
    this.#move(status);
    this.#error = error;
    this.#result = result;
  }

  toJSON(): TaskState {
    const { id, type, objective, params, status } = this;
    return {
      id,
      type,
      objective,
      params,
      status,
      ...(this.#result !== undefined && { result: this.#result }),
      ...(this.#error && { error: this.#error instanceof Error ? errorJson(this.#error) : this.#error }),
    };
  }

  #move(to: TaskStatus): void {
    if (!transitions[this.#status].includes(to)) throw new TaskError(this.id, this.#status, to);
    this.#status = to;
  }
}
