import type { RunControl } from "millrace/runs";
import { NodeError } from "./errors.ts";
import type { GraphNode } from "./graph-node.ts";
import type { RunState } from "./run-state.ts";

/** One visit of a node, or a part of it that can be stopped by itself. */
export class Lane {
  readonly run: RunState;
  readonly node: GraphNode;
  readonly visit: number;
  /** What stops this part of the node: the run's, or that of a group which one success ends. */
  readonly control: RunControl;

  constructor(run: RunState, node: GraphNode, visit: number, control: RunControl = run.control) {
    this.run = run;
    this.node = node;
    this.visit = visit;
    this.control = control;
  }

  get isStopped(): boolean {
    return this.control.stopped !== undefined;
  }

  /** Calls `work` with a signal that the stop aborts; the stop ends the wait at once. */
  async cut<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const { signal } = controller;
    let release = (): void => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        release = this.control.onStop(() => {
          const error = stoppedNode(this.node.name);
          controller.abort(error);
          reject(error);
        });
        if (!signal.aborted) this.run.bound(() => work(signal)).then(resolve, reject);
      });
    } finally {
      release();
    }
  }
}

/** What a node fails with that is stopped while it works. */
export function stoppedNode(node: string): NodeError {
  return new NodeError(`node ${node} was stopped before it had a result`, { kind: "stopped", node });
}
