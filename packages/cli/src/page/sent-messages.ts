import type { Row } from "../inspect/rows.ts";
import { wholeEvent } from "./file-source.ts";
import type { RunModel, Turn } from "./run-model.ts";

/** What a turn has sent to its model. */
export interface Sent {
  readonly messages: readonly SentMessage[];
  /** With a recorded request: the system prompt, tools, settings and the form of the output. */
  readonly frame?: { readonly [field: string]: unknown };
  /** Whether this is what was sent, or only what the events let one know of it. */
  readonly isExact: boolean;
  /** How many were sent. */
  readonly count: number;
}

/** A message, and whether it was left out of this request. */
interface SentMessage {
  /** Its place, from 0. */
  readonly number: number;
  readonly message: unknown;
  readonly isLeftOut: boolean;
}

/** Finds out what was sent: from what a recorder has written, else from the messages that the events tell of. */
export async function sentMessages(file: string, run: RunModel, turn: Turn): Promise<Sent> {
  const count = Number(turn.start.event["messages"]);
  return turn.start.event["request"] === undefined
    ? fromEvents(file, run, turn, count)
    : recorded(file, run, turn, count);
}

/** Each request has only what is new in it: see `recordRuns()`. */
async function recorded(file: string, run: RunModel, turn: Turn, count: number): Promise<Sent> {
  const turns = run.turns.slice(0, run.turns.indexOf(turn) + 1);
  const requests = await Promise.all(
    turns.map(async ({ start }) => Object((await wholeEvent(file, start))["request"])),
  );
  const known: unknown[] = [];
  let frame: { [field: string]: unknown } = {};
  let messages: unknown[] = [];
  for (const request of requests) {
    const { messages: given, ...rest } = request;
    frame = { ...frame, ...rest };
    messages = asList(given).map((message) => {
      if (typeof message === "number") return known[message];
      known.push(message);
      return message;
    });
  }
  const dropped = await droppedBefore(file, run, turn);
  const isSent = new Set(messages.map((message) => JSON.stringify(message)));
  const leftOut = dropped.filter((message) => !isSent.has(JSON.stringify(message)));
  return {
    messages: [
      ...leftOut.map((message) => ({ message, isLeftOut: true })),
      ...messages.map((message) => ({ message, isLeftOut: false })),
    ].map(toNumbered),
    frame,
    isExact: true,
    count,
  };
}

/** The history that the run ended with, what it has added before this turn, and what it has left out. */
async function fromEvents(file: string, run: RunModel, turn: Turn, count: number): Promise<Sent> {
  const before = await historyBefore(file, run);
  const added = await Promise.all(
    run.messages.filter(({ line }) => line < turn.start.line).map((row) => messageOf(file, row)),
  );
  const dropped = new Set((await droppedBefore(file, run, turn)).map((message) => JSON.stringify(message)));
  const messages = [...before, ...added]
    .map((message) => ({ message, isLeftOut: dropped.has(JSON.stringify(message)) }))
    .map(toNumbered);
  return { messages, isExact: false, count };
}

async function historyBefore(file: string, run: RunModel): Promise<unknown[]> {
  if (!run.final) return [];
  const history: unknown = (await wholeEvent(file, run.final))["history"];
  const { messages, added } = Object(history);
  return asList(messages).slice(0, Math.max(0, asList(messages).length - asList(added).length));
}

async function droppedBefore(file: string, run: RunModel, turn: Turn): Promise<unknown[]> {
  const rows = run.dropped.filter(({ line }) => line < turn.start.line);
  const lists = await Promise.all(rows.map(async (row) => asList((await wholeEvent(file, row))["messages"])));
  return lists.flat();
}

/** The message of a `message-added`. */
export async function messageOf(file: string, row: Row): Promise<unknown> {
  return (await wholeEvent(file, row))["message"];
}

function toNumbered<T extends object>(message: T, number: number): T & { number: number } {
  return { ...message, number };
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
