import { Agent, type AgentOptions, errorMessage, isMillraceError, type Model } from "millrace";
import { CommandError } from "../command-error.ts";
import { chooseModel } from "./choose-model.ts";
import { isAgent, loadConfig } from "./load-config.ts";

/** The flags that say who answers. */
export interface AgentFlags {
  config?: string | undefined;
  model?: string | undefined;
  "base-url"?: string | undefined;
  instructions?: string | undefined;
  simulate?: boolean | undefined;
}

/** Who answers; dispose of it at the end. */
export interface ChosenAgent extends AsyncDisposable {
  readonly agent: Agent;
  /** In words. */
  readonly title: string;
}

/**
 * The agent of the config file, of the flags, or of both: flags come first.
 *
 * @throws {@link CommandError} where no model is given, or something of it is wrong
 */
export async function makeAgent(flags: AgentFlags): Promise<ChosenAgent> {
  const { simulate, instructions } = flags;
  if (simulate && (flags.model !== undefined || flags["base-url"] !== undefined)) {
    throw new CommandError("--simulate brings its own model: give either it or --model with --base-url");
  }
  const found = await loadConfig(flags.config);
  const simulated = simulate ? await simulatedModel() : undefined;
  const model = simulated?.model ?? (flags.model && (await chooseModel(flags.model, flags["base-url"])));
  if (!model && flags["base-url"] !== undefined) throw new CommandError("--base-url needs --model openai:<model>");
  const overrides = { ...(model && { model }), ...(instructions !== undefined && { instructions }) };
  const config = found?.config ?? {};
  try {
    const agent = isAgent(config) ? config.with(overrides) : fromOptions({ ...config, ...overrides });
    const title = [agent.name, model && `${model.provider} ${model.id}`, found?.file].filter(Boolean).join(" · ");
    return { agent, title, [Symbol.asyncDispose]: async () => simulated?.close() };
  } catch (error) {
    await simulated?.close();
    if (!isMillraceError(error)) throw error;
    throw new CommandError(found ? `${found.file}: ${errorMessage(error)}` : errorMessage(error), 2, { cause: error });
  }
}

function fromOptions({ name = "chat", model, ...rest }: Partial<AgentOptions>): Agent {
  if (model) return new Agent({ ...rest, name, model });
  throw new CommandError(
    "no model: give --model openai:<model> or --model anthropic:<model>, --simulate to try without a key, " +
      "or a millrace.config.ts that has one",
  );
}

/** The embedded model server, with a model that asks it. */
async function simulatedModel(): Promise<{ model: Model; close: () => Promise<void> }> {
  const [{ startSimulator }, { openaiCompatible }] = await Promise.all([
    import("@millrace/simulator"),
    import("@millrace/openai"),
  ]);
  // Slow enough to be watched, and to be stopped.
  const simulator = await startSimulator({ chunkDelayMs: 15 });
  const server = openaiCompatible({ name: "simulator", baseURL: simulator.baseURL, apiKey: "none-needed" });
  return { model: server("simulated-small"), close: () => simulator.close() };
}
