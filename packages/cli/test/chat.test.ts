import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findExecutable } from "@millrace/fixtures";
import { jsonlChatStore } from "@millrace/server/node";
import { startSimulator } from "@millrace/simulator";
import { checkHistory } from "millrace/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { main } from "../src/main.ts";
import { inTerminal, millrace } from "./command.ts";

/** In the package, so that config files find its imports. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(fileURLToPath(new URL("./tmp-", import.meta.url)));
});
afterAll(() => rm(folder, { recursive: true }));

const weatherConfig = `
  import { tool } from "millrace";
  const getWeather = tool({
    name: "get_weather",
    description: "Get the weather for a city",
    input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    async *execute({ city }: { city: string }) {
      yield { percent: 50 };
      if (city === "Atlantis") throw new Error("it has sunk");
      return \`Sunny in \${city}\`;
    },
  });
  export default { tools: [getWeather] };
`;

async function config(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

// Each test starts processes of its own.
const concurrent = { concurrent: true, timeout: 60_000 };

describe("millrace chat in a pipe", concurrent, () => {
  it("answers one message on stdout; all else goes to stderr, without colours", async () => {
    const record = join(folder, "pipe.jsonl");
    const outcome = await millrace(["chat", "--simulate", "--record", record], { stdin: "hi there\n" });
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stdout).toMatch(/^I am a simulated model.*hi there.*\n$/);
    expect(outcome.stderr).toMatch(/^\d+ in · \d+ out · /);
    expect(outcome.stderr).not.toContain("\u001b");
    const events = (await readFile(record, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ type: "run-start", run: { userId: "local", chatId: "terminal" } });
    expect(events.find(({ type }) => type === "turn-start").request.messages).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: "final", stopReason: "completed" });
  });

  it("uses the tools of a config file, a line for each call", async () => {
    const file = await config("weather.config.ts", weatherConfig);
    const outcome = await millrace(["chat", "--simulate", "--config", file], {
      stdin: "What is the weather in Paris and Atlantis?",
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toMatch(/✓ get_weather \{"city":"Paris"\} → Sunny in Paris · \d+ ms\n/);
    expect(outcome.stderr).toMatch(/✗ get_weather \{"city":"Atlantis"\}: .*it has sunk.* · \d+ ms\n/);
    expect(outcome.stdout).toContain("Sunny in Paris");
  });

  it("takes an agent, and lets flags come before it", async () => {
    const file = await config(
      "agent.config.mjs",
      `import { Agent } from "millrace"; import { echoModel } from "millrace/testing";
       export default new Agent({ name: "echo", model: echoModel() });`,
    );
    expect((await millrace(["chat", "--config", file], { stdin: "marco" })).stdout).toBe("marco\n");
    const simulated = await millrace(["chat", "--config", file, "--simulate"], { stdin: "marco" });
    expect(simulated.stdout).toContain("I am a simulated model");
  });

  it.each([
    ["a folder", "kept"],
    ["a file of SQLite", "kept.sqlite"],
  ])("goes on with a conversation that is kept in %s, without a warning of Node's", async (_, name) => {
    const args = ["chat", "--simulate", "--chat", "one", "--store", join(folder, name)];
    const first = await millrace(args, { stdin: "My dog is Rex." });
    expect(first.stderr).not.toContain("Warning");
    expect((await millrace(args, { stdin: "What is my dog?" })).stdout).toContain("Your dog is Rex");
  });
});

describe("what cannot work", () => {
  afterEach(() => vi.restoreAllMocks());

  const cases: [name: string, args: string[], message: RegExp][] = [
    ["no model", ["chat"], /^millrace: no model: give --model .* --simulate .*$/],
    ["another provider", ["chat", "--model", "acme:one"], /^millrace: --model: .*got the provider acme; .*$/],
    ["a model without provider", ["chat", "--model", "gpt-5"], /^millrace: --model: expected openai:<model> .*$/],
    ["a flag that is misspelt", ["chat", "--modle", "x"], /no flag --modle\. Did you mean --model\?/],
    ["a flag without its value", ["chat", "--model"], /--model.* needs a value/],
    ["a command that is misspelt", ["inspct"], /no command inspct\. Did you mean: millrace inspect\?/],
    ["a config file that is not there", ["chat", "--config", "none.ts"], /--config: there is no file none\.ts/],
    ["two models", ["chat", "--simulate", "--model", "openai:x"], /--simulate brings its own model/],
    ["a port that is none", ["inspect", "--port", "http"], /--port: expected a number/],
    ["a file that is not there", ["inspect", "nowhere"], /there is no file or folder nowhere/],
    ["a header that is none", ["inspect", "http://x/?run=1", "--header", "sk-secret-1234567"], /"name: value"$/],
  ];
  it.each(cases)("is told in one sentence: %s %j", async (_, args, message) => {
    const said: string[] = [];
    vi.spyOn(console, "error").mockImplementation((text: string) => void said.push(text));
    expect(await main(args)).toBe(2);
    expect(said).toEqual([expect.stringMatching(message)]);
    expect(said[0]).not.toMatch(/\n|secret/);
  });
});

describe("what fails", concurrent, () => {
  const cases: [name: string, args: string[], message: RegExp][] = [
    ["no key", ["--model", "openai:gpt-5"], /^No key for openai: set OPENAI_API_KEY, or try .*--simulate\n$/],
    ["no key", ["--model", "anthropic:claude"], /^No key for anthropic: set ANTHROPIC_API_KEY, .*\n$/],
    [
      "no network",
      ["--model", "openai:gpt-5", "--base-url", "http://127.0.0.1:9/v1"],
      /^openai-compatible cannot be reached: .*Check the network and --base-url\.\n$/,
    ],
  ];
  it.each(cases)("is told in one sentence: %s %j", async (_, args, message) => {
    const outcome = await millrace(["chat", ...args], { stdin: "hi", cwd: folder });
    expect(outcome).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(message) });
    expect(outcome.stderr.trim().split("\n")).toHaveLength(1);
  });

  it.each([
    ["throws", "throw new Error('no database')", /broken-[a-z-]+\.config\.ts cannot be loaded: no database/],
    ["is no code", "export default {{", /broken-[a-z-]+\.config\.ts cannot be loaded: /],
    ["exports nothing", "export const agent = 1", /expected an Agent, .* as the default export, got none/],
    ["exports a list", "export default []", /expected an Agent, .* as the default export, got a list/],
    [
      "has an option that cannot work",
      "export default { maxTurns: 0 }",
      /broken-[a-z-]+\.config\.ts: maxTurns: expected/,
    ],
  ])("a config file that %s", async (name, text, message) => {
    const file = await config(`broken-${name.replaceAll(" ", "-")}.config.ts`, text);
    const outcome = await millrace(["chat", "--simulate", "--config", file], { stdin: "hi" });
    expect(outcome).toMatchObject({ code: 2, stdout: "" });
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).not.toContain("    at ");
  });

  it("a key that the server refuses is not shown", async () => {
    await using simulator = await startSimulator();
    const env = { OPENAI_API_KEY: "invalid-sk-abcdef123456" };
    const args = ["chat", "--model", "openai:gpt-5", "--base-url", simulator.baseURL];
    const outcome = await millrace(args, { stdin: "hi", env });
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(outcome.stderr).toMatch(/^openai refuses the key \(401\): .*Check OPENAI_API_KEY\.\n$/);
    expect(outcome.stderr).not.toContain("abcdef");
  });

  it("a model that the server does not know", async () => {
    await using simulator = await startSimulator();
    const args = ["chat", "--model", "openai:no-such-model", "--base-url", simulator.baseURL];
    const outcome = await millrace(args, { stdin: "hi", env: { OPENAI_API_KEY: "key" } });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/^openai does not know this model .*Check --model and --base-url\.\n$/);
  });
});

it("says what it can do, and which version it is", async () => {
  expect((await millrace(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const said: unknown[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => said.push(text) > 0);
  for (const command of [[], ["chat"], ["inspect"]]) expect(await main([...command, "--help"])).toBe(0);
  spy.mockRestore();
  expect(said.map(String)).toEqual(
    [/millrace inspect/, /--simulate/, /--open/].map((help) => expect.stringMatching(help)),
  );
}, 60_000);

describe.skipIf(!findExecutable("python3"))("millrace chat in a terminal", concurrent, () => {
  it("remembers what was said, and leaves with Ctrl-D", async () => {
    await using session = inTerminal(["chat", "--simulate"], { env: { NO_COLOR: "1" } });
    await session.sees("› ");
    session.type("My dog is Rex.\r");
    await session.sees(/\d+ in · \d+ out/);
    await session.sees("› ");
    session.type("What is my dog?\r");
    await session.sees("Your dog is Rex.");
    await session.sees("› ");
    session.type("\u0004");
    expect(await session.ended).toBe(0);
    // NO_COLOR: the prompt moves the cursor, but nothing is coloured.
    for (const code of ["[2m", "[22m", "[31m"]) expect(session.screen).not.toContain(code);
  });

  it("stops an answer with Ctrl-C, keeps what had come, and goes on", async () => {
    await using simulator = await startSimulator({ chunkDelayMs: 60 });
    const store = join(folder, "stopped");
    const args = ["chat", "--model", "openai:any", "--base-url", simulator.baseURL, "--store", store];
    await using session = inTerminal(args, { env: { OPENAI_API_KEY: "key" } });
    await session.sees("› ");
    session.type("Tell me something long.\r");
    await session.sees("simulated");
    session.type("\u0003");
    await session.sees("Stopped. What has arrived is kept.");
    await session.sees("› ");
    const kept = await jsonlChatStore(store).load({ userId: "local", chatId: "default" });
    expect(checkHistory(kept)).toEqual([]);
    expect(kept.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(JSON.stringify(kept[1])).toContain("simulated");
    session.type("And now?\r");
    await session.sees("Before that you asked");
    await session.sees("› ");
    session.type("\u0003");
    expect(await session.ended).toBe(0);
  });

  it("leaves with Ctrl-C twice, also where a tool does not listen", async () => {
    const file = await config(
      "deaf.config.mjs",
      `import { tool } from "millrace";
       export default { stop: { graceMs: 60000 }, tools: [tool({ name: "get_weather", description: "Get the weather for a city",
         input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
         execute: () => new Promise((resolve) => setTimeout(resolve, 600000, "late")) })] };`,
    );
    await using session = inTerminal(["chat", "--simulate", "--config", file]);
    await session.sees("› ");
    session.type("What is the weather in Paris?\r");
    await session.sees("… get_weather");
    session.type("\u0003");
    await session.sees("Stopping");
    session.type("\u0003");
    expect(await session.ended).toBe(130);
  });

  it("takes a paste of several lines as one message", async () => {
    const file = await config(
      "echo.config.mjs",
      `import { echoModel } from "millrace/testing"; export default { model: echoModel() };`,
    );
    await using session = inTerminal(["chat", "--config", file]);
    await session.sees("› ");
    session.type("first line\rsecond line\r");
    await session.sees("first line\r\nsecond line\r\n");
    await session.sees(/in · /);
    // Typed before the prompt is there, it is the end of nobody's input.
    await session.sees("› ");
    session.type("\u0004");
    expect(await session.ended).toBe(0);
  });
});
