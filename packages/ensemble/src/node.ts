/**
 * Agents that need Node: the console, and files.
 *
 * @module
 */
export { type ConsoleInputOptions, consoleInput } from "./node/console-input.ts";
export { type ConsoleOutputOptions, consoleOutput } from "./node/console-output.ts";
export { type ConsoleUserAgentOptions, consoleUserAgent } from "./node/console-user-agent.ts";
export { type FileOutputOptions, fileOutput } from "./node/file-output.ts";
export { type MarkdownHistoryOptions, markdownHistory } from "./node/markdown-history.ts";
export { type MarkdownLlmLoggerOptions, markdownLlmLogger } from "./node/markdown-llm-logger.ts";
