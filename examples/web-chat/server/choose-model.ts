import { openai, openaiCompatible } from "@millrace/openai";
import type { AgentOptions, Model } from "millrace";
import { startDemoModel } from "./demo-model.ts";

/** A model, how it is asked, what a person should know about it, and how to release what was started for it. */
export interface Choice extends Pick<AgentOptions, "settings" | "retry"> {
  readonly model: Model;
  readonly note: string;
  close(): Promise<void>;
}

/** OpenAI's where there is a key, a compatible server where there is only its address, else a simulated model. */
export async function chooseModel(env: NodeJS.ProcessEnv): Promise<Choice> {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL } = env;
  if (OPENAI_API_KEY) return real(openai(OPENAI_MODEL || "gpt-5.4-mini"), OPENAI_BASE_URL || "OpenAI");
  if (!OPENAI_BASE_URL) return startDemoModel();
  if (!OPENAI_MODEL) throw new Error(`OPENAI_MODEL is not set: which model of ${OPENAI_BASE_URL} shall answer?`);
  return real(openaiCompatible({ name: "compatible", baseURL: OPENAI_BASE_URL })(OPENAI_MODEL), OPENAI_BASE_URL);
}

function real(model: Model, server: string): Choice {
  return { model, retry: {}, note: `Answers come from ${model.id} (${server}).`, close: async () => {} };
}
