import type { ToolFailureKind } from "./errors.ts";
import type { AgentEvent, EventOf, Final, RunInfo, StopReason } from "./events.ts";
import { isTimeToParse, parseLenient } from "./lenient-json.ts";
import type {
  AssistantPart,
  ContentPart,
  FilePart,
  ImagePart,
  Message,
  ProviderToolPart,
  ReasoningPart,
  RefusalPart,
  SourcePart,
  TextPart,
  ToolMessage,
} from "./messages.ts";
import type { Usage } from "./usage.ts";

/** What a page shows of a conversation and of the run that goes on in it. Plain data; see {@link reduceRun}. */
export interface RunView {
  /** `stopped` also where a limit (turns, budget) ended the run; `stopReason` tells. */
  readonly status: "idle" | "running" | "completed" | "stopped" | "failed";
  readonly messages: readonly MessageView[];
  /** Whose run it is, from its first event on. */
  readonly run?: RunInfo;
  /** What the run spent, from its end on. */
  readonly usage?: Usage;
  readonly stopReason?: StopReason;
  /** What the run failed with. */
  readonly error?: { readonly name: string; readonly message: string };
  /** What {@link reduceRun} has to remember between two events; nothing to show. */
  readonly progress?: ReduceProgress;
}

/** A message as it is shown. The results of tools are in the cards of their calls. */
export interface MessageView {
  readonly role: "system" | "user" | "assistant";
  readonly parts: readonly PartView[];
}

/** A part of a message as it is shown. */
export type PartView =
  | TextPart
  | ReasoningPart
  | RefusalPart
  | ToolCard
  | ProviderToolCard
  | SourcePart
  | FilePart
  | ImagePart;

/** A tool call, from the first of its arguments to its result. */
export interface ToolCard {
  readonly type: "tool";
  readonly callId: string;
  readonly name: string;
  readonly state: "arriving" | "running" | "done" | "failed";
  /** While they arrive: as far as they can be read. */
  readonly args?: unknown;
  /** The latest progress that the tool told. */
  readonly progress?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly kind?: ToolFailureKind };
  /** The run of the agent that this tool is. */
  readonly subAgent?: RunView;
}

/** A tool that the provider ran itself. */
export interface ProviderToolCard extends ProviderToolPart {
  readonly state: "started" | "done" | "failed";
}

interface ReduceProgress {
  /** The last event that was folded in. */
  readonly seq: number;
  /** The answer that arrives: the last message, until the whole message replaces it. */
  readonly draft?: Draft;
}

interface Draft {
  /** Its deltas, the last one first: a retry may void some of them. */
  readonly deltas: DeltaList;
  /** For each part of the message: the index or the call that its deltas name. */
  readonly keys: readonly (number | string)[];
  /** The arguments that have arrived, and how much of them the card shows. */
  readonly json: { readonly [callId: string]: { readonly text: string; readonly parsed: number } };
}

interface DeltaList {
  readonly event: Delta;
  readonly before: DeltaList | undefined;
}

type Delta = EventOf<
  "text-delta" | "reasoning-delta" | "refusal-delta" | "tool-call-delta" | "provider-tool" | "source" | "file-output"
>;

/** Nothing said yet. */
export const initialRunState: RunView = Object.freeze({ status: "idle", messages: Object.freeze([]) });

/** A conversation that was stored, as a page shows it before the next run. */
export function showHistory(messages: readonly Message[]): RunView {
  return messages.reduce(addMessage, initialRunState);
}

/**
 * Folds one event of a run into what a page shows: a pure function, for any state container. What did not change keeps
 * its identity. Deltas show what arrives, and the whole message replaces them; a retry takes back what it repeats;
 * events that come again (after reconnecting) change nothing. Runs of one conversation are folded one after the other.
 *
 * @example
 * ```ts
 * import { type AgentEvent, initialRunState, reduceRun } from "millrace";
 *
 * async function show(events: AsyncIterable<AgentEvent>, render: (view: typeof initialRunState) => void) {
 *   let view = initialRunState;
 *   for await (const event of events) render((view = reduceRun(view, event)));
 * }
 * ```
 */
export function reduceRun(state: RunView, event: AgentEvent): RunView {
  const isSameRun = state.run?.id === event.run.id;
  if (isSameRun && state.progress && event.seq <= state.progress.seq) return state;
  const begun: RunView = isSameRun ? state : { status: "running", messages: dropDraft(state).messages, run: event.run };
  const next = fold(begun, event);
  return { ...next, progress: { ...next.progress, seq: event.seq } };
}

function fold(state: RunView, event: AgentEvent): RunView {
  switch (event.type) {
    case "text-delta":
    case "reasoning-delta":
    case "refusal-delta":
    case "tool-call-delta":
    case "provider-tool":
    case "source":
    case "file-output":
      return addDelta(state, event);
    case "turn-start":
      return dropDraft(state);
    case "message-added":
      return addMessage(state, event.message);
    case "retry":
    case "model-switched":
      return event.discardFrom === undefined ? state : discard(state, event.discardFrom);
    case "tool-call-start":
      return changeCard(state, event.callId, () => ({ state: "running", args: event.args }));
    case "tool-progress":
      return changeCard(state, event.callId, () => ({ progress: event.progress }));
    case "sub-agent":
      return changeCard(state, event.callId, ({ subAgent = initialRunState }) => ({
        subAgent: reduceRun(subAgent, event.event),
      }));
    case "tool-result":
      return changeCard(state, event.callId, () => ({ state: "done", result: event.result }));
    case "tool-error":
      return changeCard(state, event.callId, () => ({ state: "failed", error: event.error }));
    case "final":
      return end(dropDraft(state), event);
    default:
      return state;
  }
}

const endStates: Partial<Record<StopReason, RunView["status"]>> = {
  error: "failed",
  stopped: "stopped",
  "max-turns": "stopped",
  budget: "stopped",
};

function end(state: RunView, { stopReason, usage, error }: Final): RunView {
  return { ...state, status: endStates[stopReason] ?? "completed", stopReason, usage, ...(error && { error }) };
}

function addDelta(state: RunView, event: Delta): RunView {
  const { draft } = state.progress ?? {};
  const messages: readonly MessageView[] = draft
    ? state.messages
    : [...state.messages, { role: "assistant", parts: [] }];
  const { keys = [], json = {}, deltas } = draft ?? {};
  const { parts } = messages.at(-1) ?? { parts: [] };
  const key = keyOf(event, parts.length);
  const known = keys.indexOf(key);
  const at = known < 0 ? parts.length : known;
  const grown = event.type === "tool-call-delta" ? grow(json, event) : json;
  return {
    ...state,
    messages: messages.with(-1, { role: "assistant", parts: put(parts, at, partOf(event, parts[at], grown)) }),
    progress: {
      seq: event.seq,
      draft: { deltas: { event, before: deltas }, keys: known < 0 ? [...keys, key] : keys, json: grown },
    },
  };
}

function keyOf(event: Delta, next: number): number | string {
  if ("part" in event) return event.part;
  return "callId" in event ? `call ${event.callId}` : `whole ${next}`;
}

function put<Item>(list: readonly Item[], at: number, item: Item): Item[] {
  return at < list.length ? list.with(at, item) : [...list, item];
}

function partOf(event: Delta, before: PartView | undefined, json: Draft["json"]): PartView {
  switch (event.type) {
    case "text-delta":
      return { type: "text", text: textOf(before) + event.text };
    case "reasoning-delta":
      return { type: "reasoning", text: textOf(before) + event.text };
    case "refusal-delta":
      return { type: "refusal", text: textOf(before) + event.text };
    case "tool-call-delta":
      return arrivingCard(event, before, json);
    case "provider-tool": {
      const { callId, name, state, input, output } = event;
      return {
        ...(before?.type === "provider-tool" && before),
        type: "provider-tool",
        callId,
        name,
        state,
        ...(input !== undefined && { input }),
        ...(output !== undefined && { output }),
      };
    }
    case "source":
      return event.source;
    case "file-output":
      return event.file;
  }
}

function textOf(part: PartView | undefined): string {
  return part && "text" in part ? part.text : "";
}

function grow(json: Draft["json"], { callId, delta }: EventOf<"tool-call-delta">): Draft["json"] {
  const { text = "", parsed = 0 } = json[callId] ?? {};
  const length = text.length + delta.length;
  return { ...json, [callId]: { text: text + delta, parsed: isTimeToParse(length, parsed) ? length : parsed } };
}

function arrivingCard(event: EventOf<"tool-call-delta">, before: PartView | undefined, json: Draft["json"]): ToolCard {
  const { callId, name } = event;
  const card: ToolCard = before?.type === "tool" ? before : { type: "tool", callId, name, state: "arriving" };
  const { text, parsed } = json[callId] ?? { text: "", parsed: 0 };
  const args = parsed === text.length ? parseLenient(text) : undefined;
  return args === undefined ? card : { ...card, args };
}

/** Takes the answer away that has not become a message. */
function dropDraft(state: RunView): RunView {
  if (!state.progress?.draft) return state;
  return { ...state, messages: state.messages.slice(0, -1), progress: { seq: state.progress.seq } };
}

/** Takes back the deltas from `seq` on. */
function discard(state: RunView, seq: number): RunView {
  const kept: Delta[] = [];
  for (let list = state.progress?.draft?.deltas; list; list = list.before) {
    if (list.event.seq < seq) kept.push(list.event);
  }
  return kept.reverse().reduce(addDelta, dropDraft(state));
}

/** Adds a whole message. A model's takes the place of its deltas, a tool's result goes into the card of its call. */
function addMessage(state: RunView, message: Message): RunView {
  if (message.role === "tool") return addResult(state, message);
  const { messages } = dropDraft(state);
  const view: MessageView =
    message.role === "assistant"
      ? { role: "assistant", parts: message.content.map((part) => wholePart(part, state)) }
      : { role: message.role, parts: contentParts(message.content) };
  const { draft: _, ...progress } = state.progress ?? {};
  return { ...state, messages: [...messages, view], ...("seq" in progress && { progress }) };
}

function contentParts(content: string | readonly ContentPart[]): readonly PartView[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

function wholePart(part: AssistantPart, state: RunView): PartView {
  if (part.type === "provider-tool") {
    return { ...part, state: part.isError ? "failed" : part.output === undefined ? "started" : "done" };
  }
  if (part.type !== "tool-call") return part;
  const { callId, name, args } = part;
  const shown = state.progress?.draft && state.messages.at(-1)?.parts.find((other) => isCardOf(other, callId));
  return { ...shown, type: "tool", callId, name, state: "arriving", args };
}

function addResult(state: RunView, { callId, content, isError }: ToolMessage): RunView {
  return changeCard(state, callId, (card) => {
    // What the tool gave is known already, and is more than what the model read of it.
    if (card.state === "done" || card.state === "failed") return undefined;
    if (!isError) return { state: "done", result: content };
    return { state: "failed", error: { message: typeof content === "string" ? content : "The tool failed." } };
  });
}

/** Changes the newest card of a call: ids are only sure to be different within one message. */
function changeCard(
  state: RunView,
  callId: string,
  change: (card: ToolCard) => Partial<ToolCard> | undefined,
): RunView {
  const isCard = (part: PartView): part is ToolCard => isCardOf(part, callId);
  const at = state.messages.findLastIndex(({ parts }) => parts.some(isCard));
  const message = state.messages[at];
  const card = message?.parts.find(isCard);
  const changes = card && change(card);
  if (!message || !changes) return state;
  const parts = message.parts.map((part) => (part === card ? { ...card, ...changes } : part));
  return { ...state, messages: state.messages.with(at, { ...message, parts }) };
}

function isCardOf(part: PartView, callId: string): part is ToolCard {
  return part.type === "tool" && part.callId === callId;
}
