/**
 * Anthropic's models over the Messages API.
 *
 * @module
 */
export { type AnthropicOptions, anthropic } from "./anthropic.ts";
export type { CacheOption } from "./cache.ts";
export type { MessagesClient } from "./client.ts";
export { type EncodeOptions, encode } from "./encode.ts";
export { type AnthropicHistory, toAnthropicMessages } from "./encode-messages.ts";
export { fromAnthropicMessages } from "./from-anthropic-messages.ts";
