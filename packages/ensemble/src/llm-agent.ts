import {
  type Agent,
  ConfigError,
  type Message as ConversationMessage,
  type ModelSettings,
  type RespondOptions,
} from "millrace";
import { joinRun } from "millrace/runs";
import type { Fields } from "./frozen.ts";
import type { InteractionContext } from "./interaction-context.ts";
import type { Message } from "./message.ts";
import { messageOfTokens } from "./message-of.ts";
import { isAbort, type MessagePromise } from "./message-promise.ts";
import { type MiniAgent, type MiniAgentOptions, miniagent } from "./miniagent.ts";
import { RunTokens } from "./run-tokens.ts";
import type { Owner } from "./scope.ts";

/** What one call of an {@link llmAgent} can be given. */
export interface LlmArgs {
  /** Whose run it is. Default: what `llmAgent` was given, or the ensemble's. */
  userId?: string;
  /** Which conversation it belongs to. Default: what `llmAgent` was given, or the ensemble's. */
  chatId?: string;
  /** Instead of the agent's own instructions. */
  instructions?: string;
  /** Over the agent's own settings. */
  settings?: ModelSettings;
}

/** What an agent that logs calls of models is told beside the messages. */
export interface LlmLogArgs {
  /** What is known of the request: `agent`, `model`, and what the call was given. */
  request?: Fields;
}

/** Is sent what a model was asked, and as the last message what it answers. */
export type LlmLogger = MiniAgent<LlmLogArgs>;

/** Options of {@link llmAgent}: how its runs differ from those of the agent itself. */
export interface LlmAgentOptions
  extends Omit<RespondOptions, "userId" | "chatId" | "history" | "signal" | "parent">,
    MiniAgentOptions {
  /** Whose runs these are. Default: the ensemble's. */
  userId?: string;
  /** Which conversation they belong to. Default: the ensemble's. */
  chatId?: string;
  /** What the model is told where there is nothing to answer, for no provider answers nothing. Default: `/start`. */
  opening?: string;
  /** Fields of each reply, beside its text. */
  responseMetadata?: Fields;
  /** Is sent a copy of each call; false for none. Default: the ensemble's `llmLogger`. */
  logger?: LlmLogger | false;
}

/**
 * An {@link Agent} as an agent of an ensemble. It answers the messages that it gets with one message, token by token, with
 * an `EventToken` at the place of each event of a tool; everything else the run tells goes to its `hooks`. Tools, budget,
 * retries and stop are the agent's. The run is stopped when the call is cancelled; otherwise it goes on to its end, also
 * where nobody reads it.
 *
 * A message is the user's, unless its field `role` is `system` or `assistant`.
 *
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 * import { Ensemble, llmAgent } from "@millrace/ensemble";
 *
 * const assistant = llmAgent(new Agent({ name: "assistant", model: echoModel() }));
 *
 * await new Ensemble({ userId: "u1", chatId: "c1" }).run(async () => {
 *   for await (const reply of assistant.trigger("Hello!")) {
 *     for await (const token of reply) process.stdout.write(String(token));
 *   }
 * });
 * ```
 */
export function llmAgent(agent: Agent, options: LlmAgentOptions = {}): MiniAgent<LlmArgs> {
  const { alias = aliasOf(agent.name), description = agent.description, interactionMetadata, ...rest } = options;
  const {
    awaitReplyPersistence,
    responseMetadata = {},
    opening = "/start",
    logger,
    userId,
    chatId,
    ...overrides
  } = rest;
  return miniagent<LlmArgs>(
    async (ctx, given) => {
      const { settings, ...args } = given;
      const messages = await ctx.messages;
      const said = messages.map(toConversation).filter(hasText);
      const { call } = ctx.scope.owner;
      if (call) joinRun(ctx.signal, call.signal);
      const run = agent.respond(said.length > 0 ? said : opening, {
        ...overrides,
        ...args,
        ...owner({ userId, chatId }, args, ctx),
        ...(settings && { settings: { ...overrides.settings, ...settings } }),
        signal: ctx.signal,
        ...(call && { parent: { runId: call.runId, callId: call.callId } }),
      });
      const tokens = new RunTokens(run, call && ((event) => call.tell(agent, event)));
      await tokens.begin();
      const { model } = tokens.fields;
      const knownBeforehand = { model, agent_alias: ctx.agent.alias, ...responseMetadata };
      const reply = messageOfTokens(tokens, { knownBeforehand, within: ctx });
      ctx.reply(reply);
      reportFailure(reply, ctx);
      const log = logger ?? ctx.scope.ensemble?.llmLogger;
      if (log) log.trigger([messages, reply], { request: { agent: agent.name, model, ...given } }, { within: ctx });
    },
    {
      alias,
      ...(description !== undefined && { description }),
      ...(interactionMetadata && { interactionMetadata }),
      ...(awaitReplyPersistence !== undefined && { awaitReplyPersistence }),
    },
  );
}

/** `my-agent` as `MY_AGENT`. */
function aliasOf(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^\p{L}\p{N}]+/gu, "_")
    .toUpperCase();
}

function toConversation(message: Message): ConversationMessage {
  const text = String(message);
  switch (message.get("role")) {
    case "system":
      return { role: "system", content: text };
    case "assistant":
      return { role: "assistant", content: [{ type: "text", text }] };
    default:
      return { role: "user", content: text };
  }
}

/** No provider takes a message without a text. */
function hasText({ content }: ConversationMessage): boolean {
  return typeof content === "string"
    ? content !== ""
    : content.some((part) => part.type !== "text" || part.text !== "");
}

function owner(own: Owner, args: Owner, ctx: InteractionContext): { userId: string; chatId: string } {
  const { userId = own.userId ?? ctx.scope.owner.userId, chatId = own.chatId ?? ctx.scope.owner.chatId } = args;
  return { userId: known(userId, "userId"), chatId: known(chatId, "chatId") };
}

function known(id: string | undefined, option: string): string {
  if (id !== undefined) return id;
  throw new ConfigError(
    option,
    `expected one in \`new Ensemble({ ${option} })\` or in \`llmAgent(agent, { ${option} })\``,
  );
}

/** Nobody may read the answer: its failure is told as that of any agent is. */
function reportFailure(reply: MessagePromise, { scope }: InteractionContext): void {
  if (scope.ensemble?.errorsAsMessages) return;
  reply.then(undefined, (error) => {
    if (!isAbort(scope, error)) scope.ensemble?.report(error, scope);
  });
}
