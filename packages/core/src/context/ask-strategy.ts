import { ConfigError } from "../errors.ts";
import { checkMessages, repairHistory } from "../history.ts";
import { type Message, textOf, toolCallsOf } from "../messages.ts";
import type { RunState } from "../run-state.ts";
import type { ContextStrategy, StrategyContext } from "./context-options.ts";
import { type ContextPlan, findPins } from "./context-plan.ts";

/**
 * Asks the agent's own strategy what to send. Its answer is put right where that is possible.
 *
 * Throws `ConfigError` where it is no list of messages or leaves out what must be sent.
 */
export async function askStrategy(
  run: RunState,
  strategy: ContextStrategy,
  plan: ContextPlan,
  given: Pick<StrategyContext, "model" | "limit" | "count">,
): Promise<readonly Message[]> {
  const messages = plan.messages;
  const context: StrategyContext = { ...run.context(run.signal), ...given, tokens: plan.tokens };
  const answer: unknown = await run.control.wait((async () => run.bound(() => strategy([...messages], context)))());
  if (!Array.isArray(answer))
    throw refused(`to give a list of messages, got ${answer === null ? "null" : typeof answer}`);
  checkMessages(answer, "context.drop()");
  const left = missing(messages, answer);
  if (left) throw refused(`to keep ${left}; add it to what the function gives`);
  const head = new Set(plan.head);
  return repairHistory([...plan.head, ...answer.filter((message) => !head.has(message))]);
}

function refused(expected: string): ConfigError {
  return new ConfigError("context.drop", `expected the strategy ${expected}`);
}

/** What a strategy has left out although the model cannot answer without it. */
function missing(messages: readonly Message[], answer: readonly Message[]): string | undefined {
  const newest = messages.findLast(({ role }) => role === "user");
  const last = answer.findLast(({ role }) => role === "user");
  if (newest && !(last && isSame(newest, last))) return "the newest user message";
  const step = messages[findPins(messages).step];
  if (!step) return undefined;
  const calls = toolCallsOf(step).map(({ callId }) => callId);
  const known = new Set(answer.flatMap((message) => toolCallsOf(message).map(({ callId }) => callId)));
  const answered = new Set(answer.map((message) => (message.role === "tool" ? message.callId : "")));
  if (calls.length === 0) return answer.includes(step) ? undefined : "the answer that the model has not finished";
  const isWhole = calls.every((callId) => known.has(callId) && answered.has(callId));
  return isWhole ? undefined : "the last tool calls with their results";
}

/** A strategy may give a copy, and may shorten it or add to it. */
function isSame(message: Message, other: Message): boolean {
  if (message === other || JSON.stringify(message.content) === JSON.stringify(other.content)) return true;
  const [text, otherText] = [textOf(message), textOf(other)];
  return text !== "" && otherText !== "" && (text.includes(otherText) || otherText.includes(text));
}
