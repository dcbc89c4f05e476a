import { DevalueError, defaultStringifyOperations, parse, stringify } from "devalue";
import { CacheError } from "./cache-error.ts";

/**
 * The text of a value.
 *
 * @throws {@link CacheError} of kind `unserializable`, which names the key and the place in the value
 */
export function serialize(value: unknown, key: string): string {
  if (value === undefined) throw unserializable(key, "", "undefined is what a missing key gives; delete it instead");
  try {
    return stringify(value, undefined, { operations: { viewInfo } });
  } catch (error) {
    const at = error instanceof DevalueError ? (error.path ?? "") : "";
    const why =
      error instanceof RangeError ? "it is nested too deeply" : String(error instanceof Error && error.message);
    throw unserializable(key, at, `${why}; values are plain data`, error);
  }
}

/**
 * The value of a text, a copy of its own each time.
 *
 * @throws {@link CacheError} of kind `corrupt`
 */
export function deserialize<V>(text: string, key: string): V {
  try {
    return parse(text);
  } catch (cause) {
    const message = `what is stored at ${JSON.stringify(key)} was not written by this cache; delete it`;
    throw new CacheError(message, { kind: "corrupt", key }, { cause });
  }
}

/** Only what a view shows, never the rest of a buffer that it shares with others. */
function viewInfo(view: ArrayBufferView): ReturnType<typeof defaultStringifyOperations.viewInfo> {
  const shown = view.buffer.byteLength === view.byteLength ? view : copyOf(view);
  return defaultStringifyOperations.viewInfo(shown);
}

function copyOf(view: ArrayBufferView): ArrayBufferView {
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return Reflect.construct(view.constructor, [bytes]);
}

function unserializable(key: string, at: string, why: string, cause?: unknown): CacheError {
  const place = at === "" ? "" : ` at ${at}`;
  const message = `the value of ${JSON.stringify(key)} cannot be kept${place}: ${why}`;
  return new CacheError(message, { kind: "unserializable", key }, cause === undefined ? {} : { cause });
}
