/**
 * Names of OpenTelemetry's semantic conventions for generative AI, as last released (1.41 to 1.45). They are young and
 * still move, so they are said here and nowhere else. Names under `millrace.` are our own.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
export const names = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  conversation: "gen_ai.conversation.id",
  user: "user.id",
  errorType: "error.type",
  agent: "gen_ai.agent.name",
  outputType: "gen_ai.output.type",
  requestModel: "gen_ai.request.model",
  stream: "gen_ai.request.stream",
  temperature: "gen_ai.request.temperature",
  topP: "gen_ai.request.top_p",
  topK: "gen_ai.request.top_k",
  maxTokens: "gen_ai.request.max_tokens",
  seed: "gen_ai.request.seed",
  stopSequences: "gen_ai.request.stop_sequences",
  presencePenalty: "gen_ai.request.presence_penalty",
  frequencyPenalty: "gen_ai.request.frequency_penalty",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  tokenType: "gen_ai.token.type",
  tool: "gen_ai.tool.name",
  toolCall: "gen_ai.tool.call.id",
  toolDescription: "gen_ai.tool.description",
  toolType: "gen_ai.tool.type",
  // Content: recorded only on demand.
  instructions: "gen_ai.system_instructions",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolDefinitions: "gen_ai.tool.definitions",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
  workflow: "gen_ai.workflow.name",
  run: "millrace.run.id",
  task: "millrace.task.id",
  taskType: "millrace.task.type",
  taskStatus: "millrace.task.status",
  resumedFrom: "millrace.resumed_from",
  iterations: "millrace.iterations",
  node: "millrace.node",
  visit: "millrace.visit",
  module: "millrace.module",
  attempt: "millrace.attempt",
  stopReason: "millrace.stop_reason",
  turns: "millrace.turns",
  costUsd: "millrace.cost_usd",
  estimated: "millrace.usage.estimated",
  retry: "millrace.retry.attempt",
  retryDelay: "millrace.retry.delay",
} as const;

/** The conventions' names of providers that Millrace calls otherwise. */
const providers: { readonly [provider: string]: string } = {
  azure: "azure.ai.openai",
  bedrock: "aws.bedrock",
  google: "gcp.gemini",
  vertex: "gcp.vertex_ai",
  mistral: "mistral_ai",
  moonshot: "moonshot_ai",
  xai: "x_ai",
};

/** What the conventions call a provider. */
export function providerName(provider: string): string {
  return providers[provider] ?? provider;
}

/** The environment variable that turns the recording of content on. */
export const captureVariable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
