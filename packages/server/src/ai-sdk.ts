/**
 * The AI SDK's UI messages: what `useChat` reads and sends.
 *
 * @module
 */
export { aiSDK } from "./ai-sdk/ai-sdk-protocol.ts";
export { fromUIMessages } from "./ai-sdk/from-ui-messages.ts";
export { toUIMessageResponse, toUIMessageStream } from "./ai-sdk/to-ui-message-stream.ts";
export { toUIMessages, type UIMessage, type UIMessagePart } from "./ai-sdk/to-ui-messages.ts";
export type { UIFinishReason, UIMessageChunk, UIMessageMetadata } from "./ai-sdk/ui-message-chunk.ts";
export type { ChatProtocol, ChatRequest, ProtocolOptions } from "./protocol/chat-protocol.ts";
export type { ClientHistory } from "./protocol/client-history.ts";
export type { ResponseOptions } from "./to-sse.ts";
