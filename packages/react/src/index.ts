/**
 * React hooks for chats with agents at a server.
 *
 * @module
 */
export type { ChatView } from "./chat-session.ts";
export { type UseChat, type UseChatOptions, useChat } from "./use-chat.ts";
