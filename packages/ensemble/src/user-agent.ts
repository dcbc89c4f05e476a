import { agentChain } from "./agent-chain.ts";
import { type HistoryArgs, inMemoryHistory } from "./in-memory-history.ts";
import type { MiniAgent, MiniAgentOptions } from "./miniagent.ts";

/** Options of {@link userAgent}. */
export interface UserAgentOptions extends MiniAgentOptions {
  /** Shows the user what it gets, and passes it on. Default: none. */
  output?: MiniAgent | null;
  /** Passes on what it gets, and then what the user says. Default: none. */
  input?: MiniAgent | null;
  /** Keeps what was said, and replies all of it. Null for none. Default: {@link inMemoryHistory} of this agent. */
  history?: MiniAgent<HistoryArgs> | null;
}

/** A user as an agent: sees what it gets, says something, and replies all that was said so far. One is for one dialog. */
export function userAgent({
  output,
  input,
  history = inMemoryHistory(),
  alias = "USER_AGENT",
  ...options
}: UserAgentOptions = {}): MiniAgent {
  return agentChain([output, input, history?.fork({ returnFullHistory: true })], { alias, ...options });
}
