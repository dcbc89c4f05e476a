import type { TurnContext } from "../agent-options.ts";
import { ConfigError } from "../errors.ts";
import type { Model } from "../model.ts";

/**
 * Several models for one agent: `choose` names the one for each turn. For an agent's `model`.
 *
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { route } from "millrace/models";
 * import { openai } from "@millrace/openai";
 *
 * const agent = new Agent({
 *   name: "helper",
 *   model: route({ smart: openai("gpt-5.4"), fast: openai("gpt-5.4-mini") }, ({ turn }) => (turn === 1 ? "smart" : "fast")),
 * });
 * ```
 *
 * Throws {@link ConfigError}, when it is asked, where `choose` names none of the models.
 */
export function route<Name extends string>(
  models: { readonly [name in Name]: Model },
  choose: (context: TurnContext) => Name | Promise<Name>,
): (context: TurnContext) => Promise<Model> {
  return async (context) => {
    const name = await choose(context);
    if (Object.hasOwn(models, name)) return models[name];
    throw new ConfigError("route", `expected one of ${Object.keys(models).join(", ")}, got ${JSON.stringify(name)}`);
  };
}
