import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url));

/** How a command is run. */
export interface CommandOptions {
  stdin?: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** What a command has said and how it ended. */
export interface Outcome {
  stdout: string;
  stderr: string;
  code: number | null;
}

/** Without the keys of whoever runs the tests. */
function environment(env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/_(API_KEY|AUTH_TOKEN|BASE_URL)$|^NO_COLOR|^FORCE/.test(name),
  );
  return { ...Object.fromEntries(own), TERM: "xterm", ...env };
}

const nodeArguments = ["--conditions=@millrace/source", bin];

/** Runs `millrace` with pipes, to its end. */
export async function millrace(
  args: readonly string[],
  { stdin = "", cwd, env }: CommandOptions = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [...nodeArguments, ...args], { cwd, env: environment(env) });
  const outcome: Outcome = { stdout: "", stderr: "", code: null };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (outcome.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (outcome.stderr += text));
  // A command that ends early does not read it.
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...outcome, code }));
  });
}

/** `millrace` in a terminal. */
export interface Session extends AsyncDisposable {
  /** All that the terminal was sent. */
  readonly screen: string;
  type(text: string): void;
  /** Waits until the terminal was sent this, after what was awaited before. */
  sees(text: string | RegExp): Promise<string>;
  readonly ended: Promise<number | null>;
}

const toTerminal = "import pty, os, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

const terminals = new Set<ChildProcess>();
// Also those of tests that took too long.
afterAll(() => {
  for (const child of terminals) child.kill("SIGKILL");
});

/** Runs `millrace` in a pseudo-terminal, which Python's standard library has. */
export function inTerminal(args: readonly string[], { cwd, env }: CommandOptions = {}): Session {
  const child = spawn("python3", ["-c", toTerminal, process.execPath, ...nodeArguments, ...args], {
    cwd,
    env: environment(env),
    stdio: ["pipe", "pipe", "inherit"],
  });
  terminals.add(child);
  let screen = "";
  let seen = 0;
  const wakes = new Set<() => void>();
  const wake = (): void => {
    for (const each of wakes) each();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
    wake();
  });
  child.stdin.on("error", () => {});
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  const find = (text: string | RegExp): string | undefined => {
    const rest = screen.slice(seen);
    const match = typeof text === "string" ? (rest.includes(text) ? text : undefined) : text.exec(rest)?.[0];
    if (match === undefined) return undefined;
    seen += rest.indexOf(match) + match.length;
    return match;
  };
  return {
    get screen() {
      return screen;
    },
    type: (text) => void child.stdin.write(text),
    sees: (text) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          wakes.delete(look);
          clearTimeout(timer);
        };
        const look = (): void => {
          const match = find(text);
          if (match === undefined) return;
          end();
          resolve(match);
        };
        const fail = (why: string): void => {
          if (!wakes.has(look)) return;
          end();
          reject(new Error(`${why} ${text} came:\n${screen}`));
        };
        const timer = setTimeout(() => fail("it took too long until"), 30_000);
        wakes.add(look);
        look();
        void ended.then(() => fail("it ended before"));
      }),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
