import { ConnectionError } from "./connection-error.ts";

/** What a server has sent as JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const got = JSON.stringify(text.slice(0, 100));
    throw new ConnectionError(`expected an event as JSON, got ${got}`, { kind: "protocol" }, { cause });
  }
}
