import { type Issue, OutputError } from "./errors.ts";
import { textOf, type UserMessage } from "./messages.ts";
import type { ModelFinish } from "./model.ts";
import type { RunState } from "./run-state.ts";
import { describeIssues, type Validation } from "./schema-adapter.ts";

/** What a finished answer means for an agent with an `output` schema. */
export interface OutputVerdict {
  /** The validated value. */
  object?: unknown;
  /** The answer does not fit: ask again with this. */
  askAgain?: UserMessage;
}

/**
 * Reads and validates a structured answer. An agent without `output` has nothing to check.
 *
 * Throws {@link OutputError} when the answer does not fit and was asked for again `outputRetries` times.
 */
export async function checkOutput(run: RunState, { message, reason }: ModelFinish): Promise<OutputVerdict> {
  const { output, outputRetries = 2 } = run.options;
  if (!output) return {};
  const text = textOf(message);
  const checked = await validate(text, (value) => output.validate(value));
  if (checked.ok) return { object: checked.value };
  // An answer that was cut short or declined says so as the run's stop reason; asking again would not help it.
  const isWhole = (reason === "stop" || reason === "other") && !message.content.some((part) => part.type === "refusal");
  if (!isWhole) return {};
  if (run.outputAttempts++ < outputRetries) return { askAgain: correction(checked.issues) };
  throw new OutputError(
    `The model's answer does not fit the output schema, also after asking ${outputRetries} more times: ${describeIssues(checked.issues)}`,
    { issues: checked.issues, text },
  );
}

async function validate(text: string, check: (value: unknown) => Promise<Validation>): Promise<Validation> {
  let value: unknown;
  try {
    value = JSON.parse(withoutFence(text));
  } catch {
    return { ok: false, issues: [{ path: "", message: "expected JSON and nothing else" }] };
  }
  return check(value);
}

/** Models without a native mode like to wrap JSON in a Markdown code block. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text;
}

function correction(issues: readonly Issue[]): UserMessage {
  return {
    role: "user",
    content: `Your answer does not fit the required schema: ${describeIssues(issues)}. Answer again with corrected JSON and nothing else.`,
  };
}
