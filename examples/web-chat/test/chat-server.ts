import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "..");
const { NODE_ENV: _, OPENAI_API_KEY: __, OPENAI_BASE_URL: ___, ...env } = process.env;

/** Builds the page as `npm start` does. */
export function buildPage(): void {
  const vite = join(root, "node_modules/vite/bin/vite.js");
  const { status, stderr } = spawnSync(process.execPath, [vite, "build", "--logLevel", "warn"], { cwd: root, env });
  if (status !== 0) throw new Error(`the page cannot be built: ${stderr}`);
}

/** The server in a process of its own, which can be killed and started again over the same folder. */
export class ChatServer {
  readonly folder: string = mkdtempSync(join(tmpdir(), "web-chat-"));
  readonly #env: NodeJS.ProcessEnv;
  #port: number;
  #process: ChildProcess | undefined;
  #said = "";

  constructor(options: { port?: number; env?: NodeJS.ProcessEnv } = {}) {
    this.#port = options.port ?? 0;
    this.#env = { ...env, ...options.env };
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://localhost:${this.#port}/`;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, ["--conditions=@millrace/source", "server/main.ts"], {
      cwd: root,
      env: { ...this.#env, PORT: String(this.#port), DATA: this.folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
    for await (const line of createInterface(child.stdout)) {
      const port = /localhost:(\d+)/.exec(line)?.[1];
      if (port === undefined) continue;
      this.#port = Number(port);
      return;
    }
    throw new Error(`the server has not started: ${this.#said}`);
  }

  /** Ends the process; gives its exit code, null where a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    child.kill(signal);
    await once(child, "exit");
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
