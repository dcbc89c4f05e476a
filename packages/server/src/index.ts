/**
 * Agents behind HTTP, on web standards: server-sent events, WebSockets, runs that outlive their connection.
 *
 * @module
 */
export { type AttachOptions, attach } from "./attach.ts";
export { createChatHandler } from "./chat-handler.ts";
export type { ChatHandlerOptions } from "./chat-handler-options.ts";
export { type ChatSocketHandler, createChatSocket, type ServeSocket } from "./chat-socket.ts";
export { type DetachableRun, type DetachedRun, type DetachOptions, detach, stopRun } from "./detach.ts";
export { type EventLog, EventLogError, type LoggedRun, type RunQuery } from "./event-log.ts";
export { memoryChatStore } from "./memory-chat-store.ts";
export { type MemoryEventLogOptions, memoryEventLog } from "./memory-event-log.ts";
export { type CorsOptions, isAllowedOrigin } from "./origins.ts";
export type { ChatProtocol, ChatRequest } from "./protocol/chat-protocol.ts";
export { type ResponseOptions, type SSEOptions, toResponse, toSSE } from "./to-sse.ts";
export { toWebSocket, type WebSocketOptions } from "./to-web-socket.ts";
export type { WebSocketLike } from "./web-socket-like.ts";
