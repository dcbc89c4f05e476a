import type { AgentEvent, Final } from "../events.ts";
import { type Message, toolCallsOf } from "../messages.ts";
import { checkHistory } from "./check-history.ts";

/**
 * What makes the events of one whole run break what every run promises, one sentence each: `seq` without gaps,
 * `RunStart` first, exactly one `Final`, last; every message passed once, frozen; every call of a message with exactly
 * one result or error; a valid history; plain data.
 *
 * @param events all events of the run, as a hook `onEvent` or a reader to the end sees them
 */
export function checkEvents(events: readonly AgentEvent[]): string[] {
  const finals = events.filter((event) => event.type === "final");
  const [final] = finals;
  if (!final || finals.length > 1) return [`expected exactly one Final, got ${finals.length}`];
  const problems: string[] = [];
  const last = events.at(-1);
  if (last !== final) problems.push(`expected Final to be the last event, but ${last?.type} comes after it`);
  if (events[0]?.type !== "run-start")
    problems.push(`expected run-start to be the first event, got ${events[0]?.type}`);
  for (const [index, { seq, type, run }] of events.entries()) {
    if (seq !== index) problems.push(`expected seq ${index} for ${type}, got ${seq}`);
    if (run !== final.run) problems.push(`the ${type} of seq ${seq} has another run object than Final`);
  }
  problems.push(...checkMessages(events, final), ...checkCalls(events, final));
  problems.push(...checkHistory(final.history.messages).map((problem) => `invalid history: ${problem}`));
  for (const event of events) {
    if (!isPlain(event)) problems.push(`the ${event.type} of seq ${event.seq} is not plain data`);
  }
  return problems;
}

/** Every message that the run added passed once, whole and frozen, and is at the end of the history. */
function checkMessages(events: readonly AgentEvent[], final: Final): string[] {
  const problems: string[] = [];
  const { added, messages } = final.history;
  const passed = events.flatMap((event) => (event.type === "message-added" ? [event.message] : []));
  if (!isSame(passed, added)) {
    problems.push(`message-added gave ${roles(passed)}, but history.added holds ${roles(added)}`);
  }
  if (!isSame(messages.slice(messages.length - added.length), added)) {
    problems.push("history.messages does not end with what history.added holds");
  }
  for (const message of passed) {
    if (!Object.isFrozen(message)) problems.push(`the ${message.role} message of message-added is not frozen`);
  }
  return problems;
}

/** Every call has exactly one outcome; what was executed was started before, once. */
function checkCalls(events: readonly AgentEvent[], final: Final): string[] {
  const problems: string[] = [];
  const started: string[] = [];
  const ended: string[] = [];
  for (const event of events) {
    if (event.type === "tool-call-start") started.push(event.callId);
    if (event.type !== "tool-result" && event.type !== "tool-error") continue;
    ended.push(event.callId);
    if (event.type === "tool-result" && !started.includes(event.callId)) {
      problems.push(`the call ${event.callId} has a result, but it was not started before`);
    }
  }
  const asked = final.history.added.flatMap(toolCallsOf).map(({ callId }) => callId);
  for (const callId of new Set([...asked, ...started, ...ended])) {
    const expected = count(asked, callId);
    if (count(ended, callId) !== expected) {
      problems.push(`expected ${expected} tool-result or tool-error for ${callId}, got ${count(ended, callId)}`);
    }
    if (count(started, callId) > expected)
      problems.push(`the call ${callId} was started ${count(started, callId)} times`);
  }
  return problems;
}

function isSame(left: readonly Message[], right: readonly Message[]): boolean {
  return left.length === right.length && left.every((message, index) => message === right[index]);
}

function roles(messages: readonly Message[]): string {
  return `${messages.length} messages (${messages.map(({ role }) => role).join(", ")})`;
}

function count(ids: readonly string[], id: string): number {
  return ids.filter((other) => other === id).length;
}

function isPlain(event: AgentEvent): boolean {
  try {
    return JSON.stringify(event) !== undefined;
  } catch {
    return false;
  }
}
