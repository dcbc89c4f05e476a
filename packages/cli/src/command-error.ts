/** A command that cannot be done as it was given: told in one sentence, without a stack. */
export class CommandError extends Error {
  static {
    CommandError.prototype.name = "CommandError";
  }

  /** 1: it was tried and failed. 2: the command, its flags or its files are wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 2, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
