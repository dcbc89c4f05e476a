/**
 * OpenAI's models over Chat Completions and over the Responses API, and those of every server that speaks one of them.
 *
 * @module
 */
export type { ConnectionOptions } from "./client.ts";
export type { StructuredOutputs } from "./encode-chat.ts";
export { toOpenAIMessages } from "./encode-chat.ts";
export { toResponsesInput } from "./encode-responses.ts";
export { fromOpenAIMessages } from "./from-openai-messages.ts";
export { fromResponsesInput } from "./from-responses-input.ts";
export { type OpenAIModels, type OpenAIOptions, openai } from "./openai.ts";
export {
  type CompatibleModelOptions,
  type OpenAICompatibleModels,
  type OpenAICompatibleOptions,
  openaiCompatible,
} from "./openai-compatible.ts";
