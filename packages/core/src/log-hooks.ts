import type { AgentEvent } from "./events.ts";
import type { Hooks } from "./hooks.ts";
import { environment } from "./runtime.ts";

/** The observer that prints a run, if `debug` or the environment asks for it. What it does is loaded only then. */
export function debugHooks(debug: boolean | ((line: string) => void) = isDebugged()): Hooks[] {
  if (debug === false) return [];
  const print = debug === true ? logLine : debug;
  let printer: Promise<(event: AgentEvent) => void> | undefined;
  return [
    {
      async onEvent(event) {
        printer ??= import("./debug.ts").then(({ debugPrinter }) => debugPrinter(print));
        (await printer)(event);
      },
    },
  ];
}

function isDebugged(): boolean {
  return !["", "0", "false"].includes(environment("MILLRACE_DEBUG") ?? "");
}

function logLine(line: string): void {
  console.error(line);
}

/** Where what a hook threw goes if nobody asks for it. */
export function logHookError(error: unknown, event: { readonly type: string } | undefined): void {
  console.error(`millrace: a hook failed${event ? ` on ${event.type}` : ""}:`, error);
}
