import fc from "fast-check";
import { ConfigError, MillraceError, ModelError, OutputError, ToolCallError } from "../src/errors.ts";
import type { AgentEvent, RunInfo } from "../src/events.ts";
import { GrowingText, LazyObjectDelta, LazyToolCallDelta } from "../src/lazy-events.ts";
import type { Message } from "../src/messages.ts";

/** Any text, and much of what breaks lines, frames, escapes and encoders. */
const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\r", "\n", "\r\n", "\n\n", "\u2028", "\u2029", "\0", "\u{1f600}", "\ud83d", "\ude00", "\ufeff"),
      fc.constantFrom("data: ", "id: 7\n", "event: x\n", ": ", "\n\ndata: {}\n\n", '"', "\\", "\\u000a", "__proto__"),
    ),
    { maxLength: 6 },
  )
  .map((texts) => texts.join(""));

const at = fc.integer({ min: 0, max: 2 ** 42 });
const count = fc.nat();
// JSON knows no other zero.
const anyJson = fc.jsonValue({ maxDepth: 3 }).map((value): unknown => JSON.parse(JSON.stringify(value)));
const args = fc
  .dictionary(anyText, fc.oneof(anyText, count, fc.boolean()), { maxKeys: 3 })
  .map((value) => ({ ...value }));
const usage = fc.record({
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  reasoningTokens: count,
});
const text = anyText.map((value) => ({ type: "text" as const, text: value }));
const message: fc.Arbitrary<Message> = fc.oneof(
  anyText.map((content): Message => ({ role: "user", content })),
  fc.array(text, { maxLength: 2 }).map((content): Message => ({ role: "assistant", content })),
  fc.tuple(anyText, anyText).map(([callId, content]): Message => ({ role: "tool", callId, name: "t", content })),
);
const messages = fc.array(message, { maxLength: 2 });
const issues = fc.array(fc.record({ path: anyText, message: anyText }), { maxLength: 2 });
// Letters only: what looks like a key is masked on the wire, and that has tests of its own.
const words = fc.constantFrom("no", "é\r\n\u2028x", "line\n\ndata: {}");
const modelError = words.map(
  (said) => new ModelError(said, { kind: "rate-limit", provider: "p", status: 429, retryAfterMs: 5, requestId: "r" }),
);
const toolError = fc
  .tuple(words, issues)
  .map(([said, list]) => new ToolCallError(said, { kind: "invalid-arguments", toolName: "t", issues: list }));
const anyError: fc.Arbitrary<Error> = fc.oneof(
  modelError,
  words.map((said) => new MillraceError(said)),
  words.map((said) => new ConfigError("tools[0]", said)),
  fc.tuple(words, issues, anyText).map(([said, list, wrote]) => new OutputError(said, { issues: list, text: wrote })),
);
const call = { callId: anyText, name: anyText };

type Own<Type extends AgentEvent["type"]> = Omit<Extract<AgentEvent, { type: Type }>, "type" | "seq" | "at" | "run">;
type Making = { [Type in AgentEvent["type"]]: fc.Arbitrary<Own<Type>> };

/** Fields of every kind of event but the nested one. A kind that is missing here does not compile. */
const fields: Omit<Making, "sub-agent"> = {
  "run-start": fc.record({ input: messages, tools: fc.array(anyText, { maxLength: 2 }) }),
  "turn-start": fc.record({
    turn: count,
    model: fc.record({ provider: anyText, id: anyText }),
    messages: count,
    tokens: count,
  }),
  "text-delta": fc.record({ text: anyText, part: count }),
  "reasoning-delta": fc.record({ text: anyText, part: count }),
  "refusal-delta": fc.record({ text: anyText, part: count }),
  "tool-call-delta": fc.record({ ...call, delta: anyText }),
  "object-delta": fc.constant({}),
  "provider-tool": fc.record({ ...call, state: fc.constantFrom("started", "done", "failed"), input: args }),
  source: anyText.map((quote) => ({ source: { type: "source" as const, quote } })),
  "file-output": anyText.map((url) => ({ file: { type: "image" as const, url } })),
  "message-added": fc.record({ message }),
  "tool-call-start": fc.record({ ...call, args }),
  "tool-progress": fc.record({ ...call, progress: anyJson }),
  "tool-result": fc.record({ ...call, args, result: anyJson, durationMs: count }),
  "tool-error": fc.record({ ...call, args, error: toolError, durationMs: count }),
  "turn-end": fc.record({ turn: count, usage, finishReason: fc.constantFrom("stop", "tool-calls", "length") }),
  retry: fc.record({ attempt: count, error: modelError, delayMs: count, discardFrom: count }),
  "model-switched": fc.record({ from: anyText, to: anyText, error: modelError }),
  "context-overflow": fc.record({ tokens: count, limit: count, by: fc.constantFrom("estimate", "provider") }),
  "messages-dropped": fc.record({ messages, summary: anyText }),
  "budget-exceeded": fc.record({ by: fc.constant("usd"), spent: count, limit: count, spentUsd: count }),
  "max-turns-reached": fc.record({ maxTurns: count }),
  stopped: fc.record({ reason: anyText, by: fc.constantFrom("signal", "stop-check", "call", "timeout") }),
  final: fc.record({
    stopReason: fc.constantFrom("completed", "stopped", "error"),
    output: anyText,
    object: anyJson,
    history: fc.record({ messages, simplified: messages, added: messages }),
    usage,
    turns: count,
    durationMs: count,
    error: anyError,
  }),
};

const anyRun: fc.Arbitrary<RunInfo> = fc.record({ id: anyText, agentName: anyText, userId: anyText, chatId: anyText });

/** An event of any kind but the nested one, of a run. */
function anyFlatEvent(run: RunInfo): fc.Arbitrary<AgentEvent> {
  const kinds = Object.entries(fields).map(([type, own]) =>
    fc.tuple(own, count, at).map(([rest, seq, time]) => event(run, type, rest, seq, time)),
  );
  return fc.oneof(...kinds);
}

function event(run: RunInfo, type: string, own: object, seq: number, time: number): AgentEvent {
  if (type === "object-delta") return new LazyObjectDelta(time, seq, run, new GrowingText());
  if (type === "tool-call-delta") {
    const { callId, name, delta } = own as Own<"tool-call-delta">;
    const json = new GrowingText();
    json.text = delta;
    return new LazyToolCallDelta(time, seq, run, { callId, name, delta }, json);
  }
  return { type, seq, at: time, run, ...own } as AgentEvent;
}

/** The events of one stream: of a run, and of the agents inside it. Their numbers mean nothing. */
export const anyStream: fc.Arbitrary<AgentEvent[]> = fc
  .tuple(anyRun, anyRun)
  .filter(([outer, inner]) => outer.id !== inner.id)
  .chain(([run, innerRun]) => {
    const nested = fc
      .tuple(anyFlatEvent(innerRun), count, at)
      .map(([inner, seq, time]) =>
        event(run, "sub-agent", { callId: "call_1", agent: "inner", event: inner }, seq, time),
      );
    return fc.array(fc.oneof({ weight: 8, arbitrary: anyFlatEvent(run) }, { weight: 1, arbitrary: nested }), {
      minLength: 1,
      maxLength: 12,
    });
  });

/** One event of each kind, the nested one too. */
export const allKinds: readonly string[] = [...Object.keys(fields), "sub-agent"];
