import { access } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Agent, type AgentOptions, errorMessage } from "millrace";
import { isObject } from "millrace/provider";
import { CommandError } from "../command-error.ts";

const names = ["millrace.config.ts", "millrace.config.mjs", "millrace.config.js"];

/** What a config file says: an agent, or what one is made of, without what flags may add. */
export type Config = Agent | Partial<AgentOptions>;

/**
 * The default export of a config file.
 *
 * @param path of the file; undefined looks for one with a usual name in the current folder
 * @returns undefined where there is none to be found
 * @throws {@link CommandError} for one that is missing, cannot be loaded or exports something else
 */
export async function loadConfig(path: string | undefined): Promise<{ file: string; config: Config } | undefined> {
  const file = path === undefined ? await findConfig() : resolve(path);
  if (file === undefined) return undefined;
  const shown = relative(process.cwd(), file);
  if (!(await exists(file))) throw new CommandError(`--config: there is no file ${path}`);
  const exports: unknown = await import(pathToFileURL(file).href).catch((cause: unknown) => {
    throw new CommandError(`${shown} cannot be loaded: ${hint(cause)}`, 2, { cause });
  });
  const config: unknown = Reflect.get(Object(exports), "default");
  if (isAgent(config) || isOptions(config)) return { file: shown, config };
  const got = config === undefined ? "none" : Array.isArray(config) ? "a list" : typeof config;
  throw new CommandError(`${shown}: expected an Agent, or an agent's options, as the default export, got ${got}`);
}

async function findConfig(): Promise<string | undefined> {
  for (const name of names) if (await exists(resolve(name))) return resolve(name);
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** By what it can do: the file may import another copy of the package. */
export function isAgent(value: unknown): value is Agent {
  if (value instanceof Agent) return true;
  return isObject(value) && ["respond", "chat", "with"].every((name) => typeof value[name] === "function");
}

function isOptions(value: unknown): value is Partial<AgentOptions> {
  return isObject(value);
}

function hint(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ERR_UNKNOWN_FILE_EXTENSION")
    return "this Node reads no TypeScript; take 22.18 or later, or a .mjs file";
  return errorMessage(cause).split("\n", 1)[0] ?? "";
}
