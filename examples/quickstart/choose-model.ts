import { anthropic } from "@millrace/anthropic";
import { openai, openaiCompatible } from "@millrace/openai";
import { startSimulator } from "@millrace/simulator";
import type { Model } from "millrace";

/** A model, what a person should know about it, and how to release what was started for it. */
export interface Choice {
  readonly model: Model;
  readonly note: string;
  close(): Promise<void>;
}

/**
 * The model that the environment asks for: OpenAI's or Anthropic's where there is a key, a compatible server where
 * there is only its URL, and a simulator in this process where there is nothing.
 */
export async function chooseModel(env: NodeJS.ProcessEnv): Promise<Choice> {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL } = env;
  const { ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, ANTHROPIC_MODEL } = env;
  if (OPENAI_API_KEY) return real(openai(OPENAI_MODEL || "gpt-5.4-mini"), OPENAI_BASE_URL || "OpenAI");
  if (ANTHROPIC_API_KEY)
    return real(anthropic(ANTHROPIC_MODEL || "claude-sonnet-5-5"), ANTHROPIC_BASE_URL || "Anthropic");
  if (OPENAI_BASE_URL) {
    if (!OPENAI_MODEL) {
      throw new Error(
        `OPENAI_MODEL is not set: which model of ${OPENAI_BASE_URL} shall answer? For example OPENAI_MODEL=qwen3:8b npm start`,
      );
    }
    return real(openaiCompatible({ name: "compatible", baseURL: OPENAI_BASE_URL })(OPENAI_MODEL), OPENAI_BASE_URL);
  }
  return simulated();
}

function real(model: Model, server: string): Choice {
  return { model, note: `Answers come from ${model.id} (${server}).`, close: async () => {} };
}

/** The real client over a real connection; only the server at its other end is ours. */
async function simulated(): Promise<Choice> {
  const simulator = await startSimulator({ firstChunkDelayMs: 200, chunkDelayMs: 20 });
  const note =
    "Answers are SIMULATED: no key is set, so no model is asked. " +
    "For real ones set OPENAI_API_KEY or ANTHROPIC_API_KEY, or OPENAI_BASE_URL and OPENAI_MODEL for a local server.";
  return {
    model: openai("simulated-small", { baseURL: simulator.baseURL, apiKey: "simulated" }),
    note,
    close: () => simulator.close(),
  };
}
