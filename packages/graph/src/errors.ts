import { type ErrorJson, errorJson, MillraceError } from "millrace";

/** How a node, or a module of it, went wrong. */
export type NodeFailureKind =
  | "failed"
  | "timeout"
  | "missing-inputs"
  | "missing-outputs"
  | "max-visits"
  | "invalid-nodes"
  | "stopped";

/** The facts of a {@link NodeError}. */
export interface NodeErrorFacts {
  kind: NodeFailureKind;
  /** The node's name. */
  node: string;
  /** The module's path within the node, where one is to blame. */
  module?: string | undefined;
  /** Whether another try may succeed. Default: true for `failed`, `timeout` and `missing-outputs`. */
  retryable?: boolean | undefined;
}

const retryableKinds: ReadonlySet<NodeFailureKind> = new Set(["failed", "timeout", "missing-outputs"]);

/** A node, or a module of it, that failed. What the module threw is the `cause`. */
export class NodeError extends MillraceError {
  static {
    NodeError.prototype.name = "NodeError";
  }

  readonly kind: NodeFailureKind;
  readonly node: string;
  readonly module?: string;
  readonly retryable: boolean;

  constructor(message: string, facts: NodeErrorFacts, options?: ErrorOptions) {
    super(message, options);
    this.kind = facts.kind;
    this.node = facts.node;
    this.retryable = facts.retryable ?? retryableKinds.has(facts.kind);
    if (facts.module !== undefined) this.module = facts.module;
  }
}

/** What a module throws where trying again is of no use: its node fails at once. */
export class NonRetryableError extends MillraceError {
  static {
    NonRetryableError.prototype.name = "NonRetryableError";
  }
}

/** Nothing of a task succeeded. The errors of the nodes are its `errors`. */
export class GraphError extends MillraceError {
  static {
    GraphError.prototype.name = "GraphError";
  }

  readonly taskId: string;
  /** What each failed node failed with. */
  readonly errors: readonly Error[];

  constructor(message: string, facts: { taskId: string; errors: readonly Error[] }) {
    super(message, { cause: facts.errors[0] });
    this.taskId = facts.taskId;
    this.errors = facts.errors;
  }

  override toJSON(): ErrorJson {
    return { ...super.toJSON(), errors: this.errors.map(errorJson) };
  }
}

/** What is wrong with a snapshot. */
export type SnapshotErrorKind =
  /** The task has none. */
  | "not-found"
  /** It is cut, altered, or no snapshot at all. */
  | "damaged"
  /** It was written by a version that this one does not read. */
  | "version"
  /** It belongs to another graph, or to another user's task. */
  | "mismatch"
  /** A module that has begun cannot go on from it. */
  | "not-resumable"
  /** Something in the task cannot be written. */
  | "unserializable";

/** A snapshot that cannot be taken, or from which a graph cannot go on. */
export class SnapshotError extends MillraceError {
  static {
    SnapshotError.prototype.name = "SnapshotError";
  }

  readonly kind: SnapshotErrorKind;
  readonly taskId: string;

  constructor(message: string, facts: { kind: SnapshotErrorKind; taskId: string }, options?: ErrorOptions) {
    super(message, options);
    this.kind = facts.kind;
    this.taskId = facts.taskId;
  }
}
