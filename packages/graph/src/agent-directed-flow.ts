import { Agent, ConfigError, type Message, type Model, type ModelSettings, textOf, tool, toolCallsOf } from "millrace";
import {
  anything,
  type Check,
  callable,
  count,
  fields,
  flag,
  isObject,
  list,
  milliseconds,
  text,
  texts,
} from "millrace/runs";
import { type Decision, type Module, type ModuleContext, type Outcome, outcome } from "./module.ts";

/** Options of {@link agentDirectedFlow}. */
export interface AgentDirectedFlowOptions {
  /** Default: `agent-directed-flow`. */
  name?: string;
  /** The model that decides. */
  model: Model;
  /** What the decision is about, in words: the beginning of the system prompt. */
  instructions: string;
  /** What it chooses among. Names must be different, also where upper and lower case are the same. */
  decisions: readonly AgentDecision[];
  /** The node to go to when no decision is chosen. Default: the plan goes on, as if there were no flow control. */
  default?: string;
  /** Whether to clean up when none is chosen; without a `default` that means all nodes. Default: true. */
  cleanupOnDefault?: boolean;
  /** What is to be decided about. Default: the cache's `input_message`, and where that is no text the task's objective. */
  prompt?: (context: ModuleContext) => string | Promise<string>;
  /** What was said before, as context: asked at each visit. Default: nothing. */
  useHistory?: (context: ModuleContext) => readonly Message[] | Promise<readonly Message[]>;
  /** How many are asked, side by side. The decision with the most votes is taken. Default: 1. */
  voters?: number;
  /** In place of the default: `{ temperature: 0, toolChoice: "required" }`. */
  settings?: ModelSettings;
  /** In milliseconds, for all voters. Default: 60,000. */
  timeoutMs?: number;
}

/** One way on, as the model sees it: by the name of its node. */
export interface AgentDecision extends Pick<Decision, "next" | "metadata" | "cleanup"> {
  /** When to choose it; also stands in drawings. */
  readonly description: string;
  readonly examples?: readonly DecisionExample[];
}

/** A choice as it should have been made. */
export interface DecisionExample {
  readonly message: string;
  /** What there was to choose from. Default: all decisions. */
  readonly choices?: readonly string[];
  readonly choice: string;
  readonly reasoning?: string;
}

/** What one voter said. */
interface Vote {
  readonly decision: string;
  readonly thoughts: string;
}

const makeDecision = tool({
  name: "make_decision",
  description: "Say which one of the choices fits best.",
  parameters: {
    type: "object",
    properties: {
      thoughts: { type: "string", description: "Why, in one or two sentences." },
      decision: { type: "string", description: "The name of one of the choices, exactly as it is listed." },
    },
    required: ["thoughts", "decision"],
    additionalProperties: false,
  },
  execute: () => "Noted.",
  endsRun: true,
});

/**
 * A flow control in which a model decides where the graph goes on, by descriptions and examples of the ways; several voters
 * decide by their votes. A vote counts for the decision whose name it says, in upper or lower case; where two have the
 * same number of votes, the one that is listed first is taken. When most name none of them, it is the `default`.
 *
 * Each voter is an agent: its events arrive as `sub-agent` events, its usage counts in the graph's. One that fails has no
 * vote; when all fail, the module fails. The votes are in the `metadata` of the `decision` event.
 *
 * @example
 * ```ts
 * import { agentDirectedFlow, node } from "@millrace/graph";
 * import { openai } from "@millrace/openai";
 *
 * const route = node({
 *   name: "route",
 *   modules: [
 *     agentDirectedFlow({
 *       model: openai("gpt-5.4-mini"),
 *       instructions: "You route the letters that a mill gets.",
 *       decisions: [
 *         { next: "order", description: "Someone wants to buy flour." },
 *         { next: "complaint", description: "Something is wrong with what was bought." },
 *       ],
 *       default: "other",
 *       voters: 3,
 *       settings: {},
 *     }),
 *   ],
 * });
 * ```
 *
 * @throws {@link ConfigError} naming the option that cannot work
 */
export function agentDirectedFlow(options: AgentDirectedFlowOptions): Module {
  checkFlow(options);
  const { name = "agent-directed-flow", model, decisions, default: otherwise, timeoutMs } = options;
  const agent = new Agent({
    name,
    model,
    instructions: instructionsOf(options),
    tools: [makeDecision],
    settings: options.settings ?? { temperature: 0, toolChoice: "required" },
    maxTurns: 1,
  });
  return {
    name,
    kind: "flow-control",
    decisions: decisions.map(({ examples: _, ...decision }) => decision),
    ...(otherwise !== undefined && { default: otherwise }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    run: (context) => decide(options, agent, context),
  };
}

async function decide(options: AgentDirectedFlowOptions, agent: Agent, context: ModuleContext): Promise<Outcome> {
  const { decisions, default: otherwise, cleanupOnDefault = true, voters = 1 } = options;
  const question = await questionOf(options, context);
  const asked = await Promise.allSettled(
    Array.from({ length: voters }, async () => voteOf((await context.sendMessage(agent, question)).history.added)),
  );
  const answered = asked.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  const failed = asked.find((end) => end.status === "rejected");
  if (failed && answered.length === 0) throw failed.reason;
  const votes = answered.filter((vote) => vote !== undefined);
  const chosen = winnerOf(decisions, answered);
  const metadata = { ...chosen?.metadata, votes };
  if (chosen) return outcome({ result: chosen.next, next: chosen.next, cleanup: chosen.cleanup ?? false, metadata });
  const next = otherwise === undefined ? {} : { next: otherwise };
  return outcome({ result: otherwise ?? null, ...next, cleanup: cleanupOnDefault, metadata });
}

/** The one with the most votes, the first of them; undefined where more votes are for none. */
function winnerOf(
  decisions: readonly AgentDecision[],
  votes: readonly (Vote | undefined)[],
): AgentDecision | undefined {
  const counts = new Map<AgentDecision | undefined, number>(decisions.map((decision) => [decision, 0]));
  for (const vote of votes) {
    const named = vote && decisions.find(({ next }) => folded(next) === folded(vote.decision));
    counts.set(named, (counts.get(named) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  return most === 0 ? undefined : [...counts].find(([, votesFor]) => votesFor === most)?.[0];
}

/** The last call of the tool in what a voter said. */
function voteOf(messages: readonly Message[]): Vote | undefined {
  const calls = messages.flatMap(toolCallsOf).filter(({ name }) => name === makeDecision.name);
  const args = calls.at(-1)?.args;
  if (!isObject(args) || typeof args["decision"] !== "string") return undefined;
  return { decision: args["decision"], thoughts: String(args["thoughts"] ?? "") };
}

async function questionOf({ prompt, useHistory }: AgentDirectedFlowOptions, context: ModuleContext): Promise<string> {
  const message = await (prompt ?? inputMessage)(context);
  const said = (await useHistory?.(context)) ?? [];
  const lines = said
    .filter(({ role }) => role === "user" || role === "assistant")
    .map((each) => ({ role: each.role, text: textOf(each) }))
    .filter((line) => line.text !== "");
  if (lines.length === 0) return message;
  const transcript = lines.map((line) => JSON.stringify(line)).join("\n");
  return `<context>\n${transcript}\n</context>\n\n${message}`;
}

async function inputMessage({ cache, task }: ModuleContext): Promise<string> {
  const message = await cache.get("input_message");
  return typeof message === "string" ? message : task.objective;
}

function instructionsOf({ instructions, decisions }: AgentDirectedFlowOptions): string {
  const names = decisions.map(({ next }) => next);
  const choices = decisions.map(({ next, description }) => `- ${next}: ${description}`);
  const examples = decisions.flatMap(({ examples: given = [] }) => given.map((example) => describe(example, names)));
  return [
    instructions,
    `Choose one of these, and say it by the tool ${makeDecision.name}. What is in <context> was said before.`,
    choices.join("\n"),
    ...(examples.length > 0 ? [`Examples:\n\n${examples.join("\n\n")}`] : []),
  ].join("\n\n");
}

function describe({ message, choices, choice, reasoning }: DecisionExample, names: readonly string[]): string {
  const lines = [
    `Message: ${message}`,
    `Choices: ${(choices ?? names).join(", ")}`,
    ...(reasoning === undefined ? [] : [`Thoughts: ${reasoning}`]),
    `Decision: ${choice}`,
  ];
  return lines.join("\n");
}

function folded(name: string): string {
  return name.trim().toLowerCase();
}

const checkExample = fields({
  message: text,
  choices: texts,
  choice: text,
  reasoning: text,
} satisfies Record<keyof DecisionExample, Check>);

const checkExamples: Check = (value, at) => {
  list(value, at);
  for (const [index, example] of Object.entries(Object(value))) {
    checkExample(example, `${at}[${index}]`);
    for (const key of ["message", "choice"]) text(Object(example)[key], `${at}[${index}].${key}`);
  }
};

const checkDecision = fields({
  next: text,
  description: text,
  examples: checkExamples,
  metadata: anything,
  cleanup: flag,
} satisfies Record<keyof AgentDecision, Check>);

const checkOptions = fields({
  name: text,
  model: anything,
  instructions: text,
  decisions: list,
  default: text,
  cleanupOnDefault: flag,
  prompt: callable,
  useHistory: callable,
  voters: count,
  settings: anything,
  timeoutMs: milliseconds,
} satisfies Record<keyof AgentDirectedFlowOptions, Check>);

function checkFlow(options: AgentDirectedFlowOptions): void {
  const at = "agentDirectedFlow";
  checkOptions(options, at);
  const { instructions, decisions } = options;
  text(instructions, `${at}.instructions`);
  list(decisions, `${at}.decisions`);
  if (decisions.length === 0) throw new ConfigError(`${at}.decisions`, "there must be one at least");
  const names = new Map<string, string>();
  for (const [index, decision] of decisions.entries()) {
    const place = `${at}.decisions[${index}]`;
    checkDecision(decision, place);
    for (const key of ["next", "description"] as const) text(decision[key], `${place}.${key}`);
    const name = folded(decision.next);
    const same = names.get(name);
    if (same !== undefined) {
      throw new ConfigError(
        `${place}.next`,
        `"${decision.next}" and "${same}" cannot be told apart; names must be different`,
      );
    }
    names.set(name, decision.next);
  }
  for (const [index, { examples = [] }] of decisions.entries()) {
    for (const [number, { choice, choices }] of examples.entries()) {
      const known = choices?.map(folded) ?? [...names.keys()];
      if (known.includes(folded(choice))) continue;
      const place = `${at}.decisions[${index}].examples[${number}].choice`;
      throw new ConfigError(place, `expected one of the choices ${known.join(", ")}, got "${choice}"`);
    }
  }
}
