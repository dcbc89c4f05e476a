import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@millrace/client";
import { type AgentEvent, errorMessage, maskSecrets } from "millrace";
import { WireEncoder } from "millrace/wire";
import { CommandError } from "../command-error.ts";
import { oneFile, type RunFiles } from "./run-files.ts";

/** A run at an endpoint, on its way into a file. */
export interface Spool extends AsyncDisposable {
  readonly files: RunFiles;
}

/**
 * Reads a run of a chat endpoint into a file that is removed at the end: the page shows files. A connection that is lost is
 * made again; what cannot be made good is told on the terminal, and what has come stays.
 *
 * @param url of the endpoint, with `run` or `chat` in its query
 * @throws CommandError for a run that cannot be read at all
 */
export async function spool(url: string, headers: Record<string, string>): Promise<Spool> {
  if (!URL.canParse(url)) throw new CommandError(`expected a URL, got ${maskSecrets(url)}`);
  const endpoint = new URL(url);
  const runId = endpoint.searchParams.get("run");
  const chatId = endpoint.searchParams.get("chat");
  if (!runId && !chatId) throw new CommandError("the URL needs ?run=<id>, or ?chat=<id> for a chat's latest run");
  for (const name of ["run", "chat"]) endpoint.searchParams.delete(name);
  const run = connect(endpoint, { headers }).attach(runId ?? { chatId: chatId ?? "" });
  const first = await run.next().catch((error: unknown) => {
    throw new CommandError(unreadable(error), 1);
  });
  if (first.done) throw new CommandError("the chat has no run", 1);
  const folder = await mkdtemp(join(tmpdir(), "millrace-inspect-"));
  const path = join(folder, "run.jsonl");
  const copying = (async () => {
    const encoder = new WireEncoder();
    const append = (event: AgentEvent): Promise<void> =>
      appendFile(path, `${encoder.encode(event)}\n`, { mode: 0o600 });
    try {
      await append(first.value);
      for await (const event of run) await append(event);
    } catch (error) {
      // A run that failed throws behind its last event, which the page shows.
      if (!run.final) process.stderr.write(`${unreadable(error)}\n`);
    }
  })();
  return {
    files: oneFile(path, maskSecrets(endpoint.origin + endpoint.pathname)),
    async [Symbol.asyncDispose]() {
      await run.return();
      await copying;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function unreadable(error: unknown): string {
  return `the run cannot be read: ${maskSecrets(errorMessage(error))}`;
}
