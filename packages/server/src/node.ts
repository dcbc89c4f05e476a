/**
 * What needs Node.js (or a runtime with its modules): logs and stores in files, and a listener for its HTTP server.
 *
 * @module
 */
export { type FileEventLogOptions, fileEventLog } from "./node/file-event-log.ts";
export { jsonlChatStore } from "./node/jsonl-chat-store.ts";
export { nodeListener } from "./node/node-listener.ts";
export { nodeUpgrade, type WebSocketServerLike } from "./node/node-upgrade.ts";
export { type SqliteChatStore, sqliteChatStore } from "./node/sqlite-chat-store.ts";
