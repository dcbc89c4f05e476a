import type { Model } from "millrace";
import { CommandError } from "../command-error.ts";

/**
 * The model that `--model` names, as `openai:gpt-5.4-mini`. The provider's package is loaded only now.
 *
 * @throws {@link CommandError} for another provider
 */
export async function chooseModel(name: string, baseURL: string | undefined): Promise<Model> {
  const [provider = "", id = ""] = splitOnce(name, ":");
  if (id === "") throw new CommandError(`--model: expected openai:<model> or anthropic:<model>, got ${name}`);
  if (baseURL !== undefined && !/^https?:\/\//.test(baseURL)) {
    throw new CommandError("--base-url: expected an address that begins with http:// or https://");
  }
  switch (provider) {
    case "openai": {
      const { openai, openaiCompatible } = await import("@millrace/openai");
      // Local servers want no key.
      if (baseURL !== undefined && !process.env["OPENAI_API_KEY"]) {
        return openaiCompatible({ name: "openai-compatible", baseURL })(id);
      }
      return openai(id, baseURL === undefined ? {} : { baseURL });
    }
    case "anthropic": {
      const { anthropic } = await import("@millrace/anthropic");
      return anthropic(id, baseURL === undefined ? {} : { baseURL });
    }
    default:
      throw new CommandError(
        `--model: expected openai:<model> or anthropic:<model>, got the provider ${provider}; ` +
          "others go into a millrace.config.ts",
      );
  }
}

function splitOnce(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + at.length)];
}
