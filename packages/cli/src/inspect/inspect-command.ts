import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../command-error.ts";
import { readFlags } from "../read-flags.ts";
import { startInspector } from "./inspector-server.ts";
import { filesOf, oneFile, type RunFiles } from "./run-files.ts";
import { spool } from "./spool.ts";

const help = `millrace inspect [file|folder|url]: shows runs in a page, on this machine only

  file       events as lines of JSON: of recordRuns(), of millrace chat --record, of fileEventLog(), or of
             JSON.stringify(event). It may grow while it is shown, and need not exist yet.
  folder     the .jsonl files in it. Default: the current folder.
  url        a run of a chat endpoint: https://…?run=<id>, or ?chat=<id> for a chat's latest

  --port <number>          Default: any that is free.
  --open                   opens the page in the browser
  --header <name: value>   sent to the endpoint, for a token; may be given several times
`;

const options = {
  port: { type: "string" },
  open: { type: "boolean" },
  header: { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
} as const;

/** `millrace inspect`: serves the page until Ctrl-C. */
export async function inspectCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = readFlags("inspect", args, options);
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const [what = ".", ...more] = positionals;
  if (more.length > 0) throw new CommandError(`expected one file, folder or URL, got ${positionals.length}`);
  const port = toPort(values.port);
  await using source = await sourceOf(what, values.header ?? []);
  await using inspector = await startInspector({ files: source.files, port, pageFolder }).catch((error: unknown) => {
    throw portError(error, port);
  });
  process.stdout.write(`${inspector.url}\n`);
  process.stderr.write(`Showing ${source.files.title}. Ctrl-C ends.\n`);
  if (values.open) openBrowser(inspector.url);
  await interrupted();
  return 0;
}

/** Built into the package, wherever this code runs from. */
const pageFolder: string = join(dirname(fileURLToPath(import.meta.resolve("@millrace/cli/package.json"))), "dist/page");

interface Source extends AsyncDisposable {
  files: RunFiles;
}

async function sourceOf(what: string, headers: readonly string[]): Promise<Source> {
  if (/^https?:\/\//i.test(what)) return spool(what, toHeaders(headers));
  if (headers.length > 0) throw new CommandError("--header is for a URL; a file or a folder needs none");
  const path = resolve(what);
  const found = await stat(path).catch(() => undefined);
  if (!found && !path.endsWith(".jsonl")) {
    throw new CommandError(`there is no file or folder ${what}. One that will be written must end in .jsonl`);
  }
  const files = found?.isDirectory() ? filesOf(path) : oneFile(path);
  return { files, [Symbol.asyncDispose]: async () => {} };
}

function toHeaders(lines: readonly string[]): Record<string, string> {
  const entries = lines.map((line): [string, string] => {
    const [, name, value] = /^([\w-]+):\s*(.+)$/.exec(line) ?? [];
    // What was given is not repeated: it may be a token.
    if (name === undefined || value === undefined) throw new CommandError('--header: expected "name: value"');
    return [name, value];
  });
  return Object.fromEntries(entries);
}

function toPort(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new CommandError(`--port: expected a number from 0 to 65535, got ${text}`);
}

function portError(error: unknown, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return new CommandError(`port ${port} is taken; give another --port, or none`, 1);
  if (code === "EACCES") return new CommandError(`port ${port} is not allowed; give one from 1024 on`, 1);
  return error;
}

/** A browser that is not there is no reason to end: the URL was printed. */
function openBrowser(url: string): void {
  const openers: { [platform: string]: [string, ...string[]] } = {
    darwin: ["open", url],
    win32: ["cmd", "/c", "start", "", url],
  };
  const [program, ...args] = openers[process.platform] ?? ["xdg-open", url];
  const child = spawn(program, args, { stdio: "ignore", detached: true });
  child.on("error", () => process.stderr.write("No browser could be opened: open the address above yourself.\n"));
  child.unref();
}

function interrupted(): Promise<void> {
  return new Promise((done) => {
    process.once("SIGINT", () => done());
    process.once("SIGTERM", () => done());
  });
}
