/**
 * The events and messages as a schema: for a store, a wire, another language. Needs zod from 4.3.
 *
 * @module
 */
import * as z from "zod/v4";
import type { ErrorJson } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import type { Json, JsonObject, Message } from "./messages.ts";
import type { JsonSchema } from "./model.ts";

/** The version of {@link agentEventSchema}. What is only added, an event or an optional field, does not change it. */
export const schemaVersion = 1;

/** What `JSON.parse(JSON.stringify(value))` gives: errors as plain data, values of any kind perhaps missing. */
export type JsonForm<T> = T extends Json
  ? T
  : T extends Error
    ? ErrorJson
    : T extends readonly (infer Item)[]
      ? readonly JsonForm<Item>[]
      : T extends object
        ? { [Key in keyof T as unknown extends T[Key] ? never : Key]: JsonForm<T[Key]> } & {
            readonly [Key in keyof T as unknown extends T[Key] ? Key : never]?: unknown;
          }
        : T;

/** An event as it is stored and sent. */
export type EventJson = JsonForm<AgentEvent>;

/** Takes a schema whose type is `T` and nothing else: one that says more or less does not compile. */
function schemaOf<T>() {
  return <S extends z.ZodType<T>>(schema: S & ([T] extends [z.infer<S>] ? unknown : never)): z.ZodType<T> => schema;
}

const json: z.ZodType<Json> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(json).readonly(), jsonObject]),
);
const jsonObject: z.ZodType<JsonObject> = z
  .record(
    z.string(),
    z.lazy(() => json),
  )
  .readonly();
const count = z.int().nonnegative();

function part<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object({ ...shape, providerData: z.record(z.string(), json).readonly().exactOptional() }).readonly();
}

const location = {
  url: z.string().exactOptional(),
  data: z.string().exactOptional(),
  mediaType: z.string().exactOptional(),
  fileId: z.string().exactOptional(),
};
const text = part({ type: z.literal("text"), text: z.string() });
const image = part({ type: z.literal("image"), ...location, detail: z.enum(["low", "high", "auto"]).exactOptional() });
const file = part({ type: z.literal("file"), ...location, filename: z.string().exactOptional() });
const source = part({
  type: z.literal("source"),
  url: z.string().exactOptional(),
  title: z.string().exactOptional(),
  document: z.string().exactOptional(),
  quote: z.string().exactOptional(),
});
const contentPart = z.discriminatedUnion("type", [text, image, file]);
const assistantPart = z.discriminatedUnion("type", [
  text,
  part({ type: z.literal("reasoning"), text: z.string() }),
  part({ type: z.literal("refusal"), text: z.string() }),
  part({
    type: z.literal("tool-call"),
    callId: z.string(),
    name: z.string(),
    args: jsonObject,
    invalidArgs: z.string().exactOptional(),
  }),
  part({
    type: z.literal("provider-tool"),
    callId: z.string(),
    name: z.string(),
    input: json.exactOptional(),
    output: json.exactOptional(),
    isError: z.boolean().exactOptional(),
  }),
  source,
  image,
  file,
]);
const content = z.union([z.string(), z.array(contentPart).readonly()]);

/** One message of a conversation. */
export const messageSchema: z.ZodType<Message> = schemaOf<Message>()(
  z.discriminatedUnion("role", [
    part({ role: z.literal("system"), content: z.string() }),
    part({ role: z.literal("user"), content }),
    part({ role: z.literal("assistant"), content: z.array(assistantPart).readonly() }),
    part({
      role: z.literal("tool"),
      callId: z.string(),
      name: z.string(),
      content,
      isError: z.boolean().exactOptional(),
    }),
  ]),
);
const messages = z.array(messageSchema).readonly();

const usage = z
  .object({
    inputTokens: count,
    outputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    reasoningTokens: count,
    estimated: z.boolean().exactOptional(),
  })
  .readonly();
const model = z.object({ provider: z.string(), id: z.string() }).readonly();
const error = z.looseObject({ name: z.string(), message: z.string() });
const run = z
  .object({
    id: z.string(),
    agentName: z.string(),
    userId: z.string(),
    chatId: z.string(),
    parent: z.object({ runId: z.string(), callId: z.string() }).readonly().exactOptional(),
  })
  .readonly();
const anything = z.unknown().optional();
const call = { callId: z.string(), name: z.string() };
const discardFrom = count.exactOptional();

function event<Type extends AgentEvent["type"], Shape extends z.ZodRawShape>(type: Type, shape: Shape) {
  return z.object({ ...shape, type: z.literal(type), seq: count, at: z.number(), run }).readonly();
}

/** One event of a run, as JSON. What it does not know of an event it leaves out. */
export const agentEventSchema: z.ZodType<EventJson> = schemaOf<EventJson>()(
  z.discriminatedUnion("type", [
    event("run-start", { input: messages, model: model.exactOptional(), tools: z.array(z.string()).readonly() }),
    event("turn-start", { turn: count, model, messages: count, tokens: count }),
    event("text-delta", { text: z.string(), part: count }),
    event("reasoning-delta", { text: z.string(), part: count }),
    event("refusal-delta", { text: z.string(), part: count }),
    event("tool-call-delta", { ...call, delta: z.string(), args: anything }),
    event("object-delta", { object: anything }),
    event("provider-tool", {
      ...call,
      state: z.enum(["started", "done", "failed"]),
      input: json.exactOptional(),
      output: json.exactOptional(),
    }),
    event("source", { source }),
    event("file-output", { file: z.union([file, image]) }),
    event("message-added", { message: messageSchema }),
    event("tool-call-start", { ...call, args: anything }),
    event("tool-progress", { ...call, progress: anything }),
    event("sub-agent", { callId: z.string(), agent: z.string(), event: z.lazy(() => agentEventSchema) }),
    event("tool-result", { ...call, args: anything, result: anything, durationMs: z.number() }),
    event("tool-error", { ...call, args: anything, error, durationMs: z.number() }),
    event("turn-end", {
      turn: count,
      usage,
      costUsd: z.number().exactOptional(),
      finishReason: z.enum(["stop", "length", "tool-calls", "content-filter", "pause", "error", "other"]),
    }),
    event("retry", { attempt: count, error, delayMs: z.number(), discardFrom }),
    event("model-switched", { from: z.string(), to: z.string(), error, discardFrom }),
    event("context-overflow", { tokens: count, limit: count, by: z.enum(["estimate", "provider"]) }),
    event("messages-dropped", { messages, summary: z.string().exactOptional() }),
    event("budget-exceeded", {
      by: z.enum(["usd", "tokens", "tool-calls"]),
      spent: z.number(),
      limit: z.number(),
      spentUsd: z.number(),
      limitUsd: z.number().exactOptional(),
    }),
    event("max-turns-reached", { maxTurns: count }),
    event("stopped", { reason: z.string(), by: z.enum(["signal", "stop-check", "call", "timeout"]) }),
    event("final", {
      stopReason: z.enum([
        "completed",
        "stopped",
        "max-turns",
        "budget",
        "length",
        "content-filter",
        "refused",
        "error",
      ]),
      output: z.string(),
      object: anything,
      history: z.object({ messages, simplified: messages, added: messages }).readonly(),
      usage,
      costUsd: z.number().exactOptional(),
      turns: count,
      durationMs: z.number(),
      error: error.exactOptional(),
    }),
  ]),
);

const names = z.registry<{ id: string }>();
names.add(agentEventSchema, { id: "AgentEvent" });
names.add(messageSchema, { id: "Message" });
names.add(json, { id: "Json" });

/** {@link agentEventSchema} as JSON Schema (2020-12). */
export const eventJsonSchema: JsonSchema = {
  ...z.toJSONSchema(agentEventSchema, {
    io: "input",
    metadata: names,
    // It says that a form has no field for it.
    override: ({ jsonSchema }) => {
      delete jsonSchema.readOnly;
    },
  }),
};
