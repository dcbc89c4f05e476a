import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findChromium, launchChromium } from "@millrace/fixtures";
import { agentDirectedFlow, GraphAgent, node, Task } from "@millrace/graph";
import { createChatHandler, detach, memoryEventLog } from "@millrace/server";
import { fileEventLog, nodeListener } from "@millrace/server/node";
import { Agent, type Final, type RunInfo } from "millrace";
import { scriptedModel } from "millrace/testing";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Inspector, startInspector } from "../src/inspect/inspector-server.ts";
import { filesOf, oneFile, type RunFiles } from "../src/inspect/run-files.ts";
import { spool } from "../src/inspect/spool.ts";
import { recordRuns } from "../src/record-runs.ts";
import { readAll, tripRun } from "./record-trip.ts";

let folder: string;
let pageFolder: string;
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-inspect-test-"));
  pageFolder = join(folder, "page");
  const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));
  const root = fileURLToPath(new URL("../src/page", import.meta.url));
  await build({ configFile, root, build: { outDir: pageFolder } });
}, 60_000);
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});
afterAll(() => rm(folder, { recursive: true }));

async function inspect(files: RunFiles): Promise<Inspector> {
  const inspector = await startInspector({ files, pageFolder });
  open.push(inspector);
  return inspector;
}

async function newFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  return path;
}

/** One run of the example, recorded; gives its file. */
async function recorded(name: string): Promise<string> {
  const path = await newFolder(name);
  await readAll(tripRun({ hooks: recordRuns(path) }));
  const [file = ""] = await readdir(path);
  return join(path, file);
}

const run: RunInfo = { id: "run_1", agentName: "tester", userId: "u1", chatId: "c1" };
const start = { type: "run-start", seq: 0, at: Date.now(), run, input: [], tools: [] };
const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
const final = { type: "final", at: Date.now(), run, stopReason: "completed", output: "Done.", usage, turns: 0 };
const lines = (...events: object[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");

describe("the server of the inspector", () => {
  /** As a page would not: any path, any header. */
  async function ask(url: string, path: string, headers: Record<string, string> = {}, method = "GET") {
    return new Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
      const { hostname, port } = new URL(url);
      request({ hostname, port, path, headers, method }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      })
        .on("error", reject)
        .end();
    });
  }

  it("serves nothing but its page and its files, to its own name only", async () => {
    const path = await newFolder("safe");
    await writeFile(join(path, "a.jsonl"), lines(start));
    await writeFile(join(path, "secret.txt"), "secret");
    await symlink(join(path, "secret.txt"), join(path, "link.jsonl"));
    const { url } = await inspect(filesOf(path));
    const page = await ask(url, "/");
    expect(page).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
    expect(page.body).not.toMatch(/<script>|style=|onload/);
    expect(await ask(url, "/", { host: "evil.example" })).toMatchObject({ status: 403 });
    expect(await ask(url, "/api/files", { host: `evil.example:${new URL(url).port}` })).toMatchObject({ status: 403 });
    expect(await ask(url, "/", {}, "POST")).toMatchObject({ status: 405 });
    expect(JSON.parse((await ask(url, "/api/files")).body).files.map(({ name }: { name: string }) => name)).toEqual([
      "a.jsonl",
    ]);
    const names = [
      "secret.txt",
      "link.jsonl",
      "../safe/secret.txt",
      "..%2fsafe%2fa.jsonl",
      "/etc/passwd",
      "none.jsonl",
      "",
    ];
    for (const name of names) {
      for (const api of ["rows", "lines", "find"]) {
        const query = `?offset=0&length=100&text=a&file=${name}`;
        expect({ name, ...(await ask(url, `/api/${api}${query}`)) }).toMatchObject({ name, status: 404 });
      }
    }
    for (const path of [
      "/../package.json",
      "/..%2f..%2fpackage.json",
      "//etc/passwd",
      "/assets/../../x",
      "/api/none",
    ]) {
      expect({ path, ...(await ask(url, path)) }).toMatchObject({ path, status: 404 });
    }
    expect((await ask(url, "/api/lines?file=a.jsonl&offset=-1&length=5")).status).toBe(400);
  });

  it("reads a run of an endpoint into a file, with the headers it was given", async () => {
    const log = memoryEventLog();
    const agent = new Agent({ name: "remote", model: scriptedModel(["Hello from afar."]) });
    const { runId, done } = await detach(agent.respond("Hi", { userId: "ada", chatId: "c9" }), log);
    await done;
    const handler = createChatHandler(agent, {
      authenticate: ({ headers }) => (headers.get("authorization") === "Bearer of-ada" ? "ada" : undefined),
      log,
    });
    const server = createServer(nodeListener(handler)).listen(0, "127.0.0.1");
    open.push({ [Symbol.asyncDispose]: async () => void server.close() });
    await sleep(0);
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/chat`;
    for (const query of [`run=${runId}`, "chat=c9"]) {
      await using spooled = await spool(`${url}?${query}`, { authorization: "Bearer of-ada" });
      const [file] = await spooled.files.list();
      const path = (await spooled.files.find(file?.name ?? "")) ?? "";
      await expect.poll(() => readFile(path, "utf8").catch(() => "")).toContain('"type":"final"');
      expect(await readFile(path, "utf8")).toContain("Hello from afar.");
    }
    await expect(spool(url, {})).rejects.toThrow("needs ?run=<id>, or ?chat=<id>");
    // What cannot be shown at all ends the command, with a sentence.
    const refused = spool(`${url}?run=${runId}`, { authorization: "Bearer of-mallory" });
    await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(/cannot be read.*401/), exitCode: 1 });
    await expect(spool(`${url}?chat=none`, { authorization: "Bearer of-ada" })).rejects.toThrow("the chat has no run");
  });
});

describe.skipIf(!findChromium())("the page of the inspector, in Chromium", { timeout: 60_000 }, () => {
  async function show(files: RunFiles) {
    const { url } = await inspect(files);
    const browser = await launchChromium();
    open.push({ [Symbol.asyncDispose]: () => browser.close() });
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(url);
    return { page, complaints, items: page.getByRole("listbox", { name: "Turns and tools" }).getByRole("option") };
  }

  it("shows turns, tools, sub-agents, a retry, costs, and what was sent after fitting", async () => {
    const file = await recorded("trip");
    const { page, complaints, items } = await show(oneFile(file));
    await page.getByText("completed", { exact: true }).waitFor();
    expect(
      (await items.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").replace(/ [\d.]+ m?s$/, "")),
    ).toEqual([
      "Turn 1",
      "get_weather Oslo",
      "get_weather Bergen",
      "find_ferries Oslo",
      "scout Find a hotel in Oslo near the water.",
      "scout · turn 1",
      "search_hotels Oslo",
      "scout · turn 2",
      "Turn 2",
    ]);
    expect(await items.first().locator(".mark").getAttribute("title")).toContain("overloaded");
    expect(await page.locator(".figures").innerText()).toMatch(/cost\s+\$0\.00\d+/);
    const details = page.getByRole("complementary", { name: "Details" });
    await details.getByText("As it was sent, after fitting.").waitFor();
    expect(await details.innerText()).toContain("You plan trips.");
    // The count that the run told, and what the recorder wrote of it.
    const kept = details.locator(".message:not(.left-out):not(.instructions)");
    expect(await details.locator("h3 small").innerText()).toBe(`${(await kept.count()) - 1} messages`);
    expect(await details.innerText()).toMatch(/\d+ messages were left out/);
    await items.nth(3).click();
    await details.getByText("the timetable is not available").first().waitFor();
    await items.nth(6).click();
    await details.getByText("Harbour House").first().waitFor();
    await page.keyboard.press("ArrowDown");
    await details.getByText("Turn 2", { exact: false }).first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("TIMETABLE");
    await expect.poll(() => page.locator(".count").innerText()).toMatch(/^[3-9] of/);
    expect(complaints).toEqual([]);
  });

  it("follows a file as it grows, also with a line that is written in two parts, and reads it anew when it is replaced", async () => {
    const path = join(await newFolder("live"), "run.jsonl");
    const { page, items } = await show(oneFile(path));
    await page.getByText("cannot be read").waitFor();
    const at = Date.now();
    await writeFile(path, lines(start));
    await page.getByText("running", { exact: true }).waitFor();
    const turn = {
      type: "turn-start",
      seq: 1,
      at,
      run,
      turn: 1,
      model: { provider: "p", id: "m" },
      messages: 1,
      tokens: 3,
    };
    const text = JSON.stringify(turn);
    await appendFile(path, text.slice(0, 40));
    await page.getByText("has no end").waitFor();
    expect(await items.count()).toBe(0);
    await appendFile(path, `${text.slice(40)}\n`);
    await items.first().waitFor();
    expect(await page.getByText("has no end").count()).toBe(0);
    await appendFile(path, lines({ ...final, seq: 2 }));
    await page.getByText("completed", { exact: true }).waitFor();
    await writeFile(path, lines({ ...start, run: { ...run, id: "run_2", agentName: "second" } }));
    await page.getByRole("heading", { name: "second" }).waitFor();
  });

  it("shows errors and stops first, names damaged lines, and shows unknown events as they are", async () => {
    const path = join(await newFolder("damaged"), "run.jsonl");
    const error = { name: "ModelError", message: "openai 401: no such key", kind: "auth" };
    await writeFile(
      path,
      `${lines(start)}{"type":"text-delta","seq":1,"at":\n[1]\n\u0000\u0001 binary\n${lines(
        { type: "graph-node-start", node: "fetch", run },
        { type: "stopped", seq: 4, at: start.at, run, reason: "enough", by: "call" },
        { ...final, seq: 5, stopReason: "error", error },
      )}`,
    );
    const { page } = await show(oneFile(path));
    await page.getByText("The run failed.").waitFor();
    const notices = await page.locator(".notices").innerText();
    expect(notices).toContain("auth: openai 401: no such key");
    expect(notices).toContain("Line 2 not JSON");
    expect(notices).toContain("Line 3 expected an event");
    expect(notices).toContain("Line 4 not JSON");
    await page.locator(".row", { hasText: "graph-node-start" }).click();
    await page.getByRole("complementary", { name: "Details" }).getByText('"fetch"').waitFor();
  });

  it("shows what an event log has written, and says what it does not hold", async () => {
    const path = await newFolder("log");
    const log = fileEventLog(path);
    const agent = new Agent({ name: "logged", model: scriptedModel(["One.", "Two."]), instructions: "Be brief." });
    const history: Final["history"]["messages"] = [
      { role: "user", content: "Before?" },
      { role: "assistant", content: [{ type: "text", text: "Long before." }] },
    ];
    await (await detach(agent.respond("Now?", { userId: "u", chatId: "c", history }), log)).done;
    const { page } = await show(filesOf(path));
    const details = page.getByRole("complementary", { name: "Details" });
    await details.getByText("Worked out from the events.").waitFor();
    expect(await details.innerText()).toMatch(/Before\?[\s\S]*Long before\.[\s\S]*Now\?/);
    expect(await details.innerText()).not.toContain("Be brief.");
    expect(await page.getByRole("navigation", { name: "Runs" }).innerText()).toContain("logged");
  });

  it("draws a graph, follows its nodes live, and shows the events of the one that is chosen", async () => {
    const path = await newFolder("graph");
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const voter = { toolCalls: [{ name: "make_decision", args: { thoughts: "Good.", decision: "send" } }] };
    const graph = new GraphAgent({
      name: "letters",
      hooks: recordRuns(path),
      nodes: [
        node({ name: "write", modules: [new Agent({ name: "writer", model: scriptedModel(["Dear mill"]) })] }),
        node({ name: "translate", dependencies: ["write"], modules: [() => held] }),
        node({
          name: "check",
          dependencies: ["write"],
          modules: [
            agentDirectedFlow({
              model: scriptedModel([voter, voter]),
              instructions: "Is it good?",
              voters: 2,
              decisions: [
                { next: "write", description: "it must be better" },
                { next: "send", description: "it is good" },
              ],
            }),
          ],
        }),
        node({
          name: "send",
          dependencies: ["check"],
          retry: false,
          modules: [
            function post() {
              throw new Error("no stamps");
            },
          ],
        }),
      ],
    });
    const run = graph.run(new Task({ type: "letter", objective: "Thank the mill" }), { userId: "u1", chatId: "c1" });
    const read = (async () => {
      for await (const _ of run);
    })();
    const { page, complaints, items } = await show(filesOf(path));
    const box = (name: string) => page.getByRole("group", { name: "Nodes" }).getByRole("button", { name });
    await box("translate, running").waitFor();
    await box("check, complete").waitFor();
    await box("send, waiting").waitFor();
    release();
    await box("send, failed").waitFor();
    await box("translate, complete").waitFor();
    await read;
    await box("send, failed").click();
    const events = page.getByRole("list", { name: "Events of send" }).getByRole("button");
    expect((await events.allInnerTexts()).map((text) => /[a-z]+-[a-z]+/.exec(text)?.[0])).toEqual([
      "node-start",
      "module-start",
      "module-error",
      "node-failed",
    ]);
    await events.nth(2).click();
    await page.getByRole("complementary", { name: "Details" }).getByText("no stamps").first().waitFor();
    await page.getByText("it is good").first().waitFor({ state: "attached" });
    // The agents stand under the modules that asked them: there is one run to choose from.
    expect(await page.getByRole("navigation", { name: "Runs of this file" }).count()).toBe(0);
    const labels = (await items.allInnerTexts()).map((text) =>
      text.replaceAll(/\s+/g, " ").replace(/ [\d.]+ m?s$/, ""),
    );
    expect(labels).toEqual([
      "write · writer",
      "writer · turn 1",
      "translate · module-1",
      "check · agent-directed-flow",
      "agent-directed-flow · turn 1",
      "make_decision Good., send",
      "agent-directed-flow · turn 1",
      "make_decision Good., send",
      "send · post",
    ]);
    expect(complaints).toEqual([]);
  });

  it("keeps a huge file out of the page's tree", async () => {
    const path = join(await newFolder("huge"), "run.jsonl");
    const count = 60_000;
    const events = Array.from({ length: count }, (_, index) => ({
      // Two blocks in turn: rows that cannot be joined.
      ...{ type: "text-delta", seq: index + 1, at: start.at + index, run, part: index % 2 },
      text: index === 31_337 ? "needle" : "hay ".repeat(40),
    }));
    await writeFile(path, lines(start, ...events, { ...final, seq: count + 1 }));
    const { page } = await show(oneFile(path));
    await page.getByText("completed", { exact: true }).waitFor({ timeout: 50_000 });
    await expect.poll(() => page.locator(".count").innerText()).toContain("60,002 of 60,002");
    expect(await page.locator(".row").count()).toBeLessThan(100);
    await page.getByRole("listbox", { name: "Events of the file" }).focus();
    await page.keyboard.press("End");
    await page.locator(".row", { hasText: "final" }).waitFor();
    await page.getByRole("searchbox").fill("needle");
    await expect.poll(() => page.locator(".count").innerText(), { timeout: 20_000 }).toMatch(/^1 of/);
    expect(await page.locator(".row .line").innerText()).toBe("31339");
  });
});
