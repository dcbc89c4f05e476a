import { libraryFunctions, libraryTables } from "./lua-library.ts";
import type { NameUse } from "./lua-syntax.ts";
import { syntaxError } from "./lua-tokens.ts";

/**
 * The names of a source that are keys of the cache. A name of the library is the library's where it is called or one of
 * its functions is read from it, and a key everywhere else: `type(x)` calls a function, `type == "bug"` reads a value.
 *
 * @throws {@link ConfigError} for a name that is used as both, and for a call of what is no function here
 */
export function keysOf(source: string, uses: readonly NameUse[]): string[] {
  const own = new Set(uses.filter((use) => use.as === "assignment").map(({ name }) => name));
  const keys = new Set<string>();
  const called = new Set<string>();
  for (const use of uses) {
    if (isOfLibrary(use)) called.add(use.name);
    else if (use.as === "call" && !own.has(use.name)) throw syntaxError(source, use.at, unknownFunction(use));
    else keys.add(use.name);
  }
  for (const { name, at } of uses) {
    if (called.has(name) && keys.has(name)) {
      throw syntaxError(source, at, `${name} is used both as a function of Lua and as a value; rename the value`);
    }
  }
  return [...keys];
}

function isOfLibrary({ name, as, field }: NameUse): boolean {
  if (field === undefined) return as === "call" && libraryFunctions.has(name);
  return libraryTables.get(name)?.has(field) ?? false;
}

function unknownFunction({ name, field }: NameUse): string {
  const known = [...libraryFunctions, ...[...libraryTables.keys()].map((table) => `${table}.…`)];
  const what = field === undefined ? name : `${name}.${field}`;
  return `there is no function ${what} for conditions; there are ${known.join(", ")}, and s:lower() and the like`;
}
