import { homedir } from "node:os";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { jsonlChatStore, sqliteChatStore } from "@millrace/server/node";
import { type Chat, type ChatStore, type Final, finalOf, type Hooks, type Run } from "millrace";
import { CommandError } from "../command-error.ts";
import { readFlags } from "../read-flags.ts";
import { recordInto } from "../record-runs.ts";
import { AnswerView } from "./answer-view.ts";
import { explainError } from "./explain-error.ts";
import { makeAgent } from "./make-agent.ts";
import { Prompt } from "./prompt.ts";
import { Terminal } from "./terminal.ts";

const help = `millrace chat: talk to a model, or to the agent of a config file

  --model <provider:model>   openai:gpt-5.4-mini, anthropic:claude-sonnet-4-6 …
                             The key is read from OPENAI_API_KEY or ANTHROPIC_API_KEY.
  --base-url <url>           another server of the provider's API, such as http://localhost:11434/v1
  --instructions <text>      the system prompt
  --simulate                 an embedded model, offline and without a key
  --config <file>            whose default export is an Agent or its options, with tools.
                             Default: millrace.config.ts, .mjs or .js in this folder. Flags come before it.
  --chat <id>                goes on with a conversation that is kept. Default with --store: default
  --store <file|folder>      where: an SQLite file (.sqlite, .db) or a folder. Default: ~/.millrace/chats
  --record <file>            adds the runs' events to a file, for millrace inspect

Ctrl-C stops an answer; twice, or at the empty prompt, it leaves. Ctrl-D leaves.
Without a terminal all of stdin is one message: echo hi | millrace chat --simulate
The answer goes to stdout, all else to stderr.
`;

const options = {
  model: { type: "string" },
  "base-url": { type: "string" },
  instructions: { type: "string" },
  simulate: { type: "boolean" },
  config: { type: "string" },
  chat: { type: "string" },
  store: { type: "string" },
  record: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** `millrace chat`. Gives the exit code. */
export async function chatCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = readFlags("chat", args, options);
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  if (positionals.length > 0) {
    throw new CommandError(`expected flags only, got ${JSON.stringify(positionals[0])}. See: millrace chat --help`);
  }
  const hooks = values.record === undefined ? [] : [recordInto(values.record)];
  await using chosen = await makeAgent(values);
  const { chatId, store } = storeOf(values.chat, values.store);
  const chat = chosen.agent.chat({ userId: "local", chatId, ...(store && { store }) });
  const terminal = new Terminal(process.stdout, process.stderr);
  if (!process.stdin.isTTY) return await answerOnce(chat, hooks, terminal);
  terminal.note(`${chosen.title}. Ctrl-C stops an answer, twice leaves.`);
  if (store) await tellWhatIsKept(store, chatId, terminal);
  return await converse(chat, hooks, terminal);
}

/** Where the conversation is kept; without the flags nowhere. */
function storeOf(chatId: string | undefined, path: string | undefined): { chatId: string; store?: ChatStore } {
  if (chatId === "") throw new CommandError("--chat: expected an id, got an empty text");
  if (chatId === undefined && path === undefined) return { chatId: "terminal" };
  const where = path ?? join(homedir(), ".millrace", "chats");
  try {
    const store = /\.(sqlite3?|db)$/.test(where) ? sqliteChatStore(where) : jsonlChatStore(where);
    return { chatId: chatId ?? "default", store };
  } catch (cause) {
    throw new CommandError(`--store: ${where} cannot be opened: ${explainError(cause)}`, 2, { cause });
  }
}

async function tellWhatIsKept(store: ChatStore, chatId: string, terminal: Terminal): Promise<void> {
  const { length } = await store.load({ userId: "local", chatId });
  if (length > 0) terminal.note(`The conversation goes on: ${length} messages so far.`);
}

/** One message from a pipe. */
async function answerOnce(chat: Chat, hooks: Hooks[], terminal: Terminal): Promise<number> {
  const message = (await readAll(process.stdin)).trimEnd();
  if (message === "") throw new CommandError("stdin is empty: expected a message");
  const { final, isLeaving } = await answer(chat, message, hooks, terminal);
  if (isLeaving || final?.stopReason === "stopped") return 130;
  return final?.stopReason === "error" || !final ? 1 : 0;
}

/** Messages from a terminal, until its user leaves. */
async function converse(chat: Chat, hooks: Hooks[], terminal: Terminal): Promise<number> {
  const prompt = new Prompt();
  for (;;) {
    const message = await prompt.ask();
    if (message === undefined) return 0;
    if (message.trim() === "") continue;
    const { isLeaving } = await answer(chat, message, hooks, terminal);
    if (isLeaving) return 130;
  }
}

interface Answer {
  readonly final: Final | undefined;
  /** Whether Ctrl-C was pressed a second time. */
  readonly isLeaving: boolean;
}

/** Shows one answer. Ctrl-C stops it: its run comes to its end, and so the conversation stays in order. */
async function answer(chat: Chat, message: string, hooks: Hooks[], terminal: Terminal): Promise<Answer> {
  const view = new AnswerView(terminal);
  const run = chat.respond(message, { hooks });
  let presses = 0;
  let interrupt = (): void => {};
  const isLeft = new Promise<void>((leave) => {
    interrupt = () => {
      presses++;
      run.stop("stopped with Ctrl-C");
      if (presses === 1) terminal.live("Stopping …");
      else leave();
    };
  });
  process.on("SIGINT", interrupt);
  try {
    // Who asks twice does not wait for a tool that does not listen.
    await Promise.race([show(run, view, terminal), isLeft]);
  } finally {
    process.off("SIGINT", interrupt);
  }
  return { final: run.final, isLeaving: presses > 1 };
}

/** Shows a run to its end. Never throws. */
async function show(run: Run, view: AnswerView, terminal: Terminal): Promise<void> {
  try {
    for await (const event of run) view.show(event);
  } catch (error) {
    // What the run failed with was shown with its last event; what it has none for is shown here.
    if (!finalOf(error)) terminal.note(explainError(error), "red");
  }
}
