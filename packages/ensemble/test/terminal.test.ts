import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { findExecutable } from "@millrace/fixtures";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const chat = join(root, "examples/ensemble-chat/main.ts");
const driver = join(root, "packages/ensemble/test/terminal.py");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-terminal-"));
});
afterAll(() => rm(folder, { recursive: true }));

const hasPython = findExecutable("python3") !== undefined;

/** The chat at a terminal: waits for the first of each pair, then types the second. */
async function type(steps: readonly (readonly [shown: string, typed: string])[], file: string): Promise<string> {
  const node = [process.execPath, "--conditions=@millrace/source", chat, join(folder, file)];
  const { stdout } = await run("python3", [driver, JSON.stringify(steps), ...node]);
  return stdout;
}

const prompt = "USER: ";

test.skipIf(!hasPython)("at a terminal Enter sends, Ctrl-Space begins a line, pasted lines stay together", async () => {
  const screen = await type(
    [
      [prompt, "hey\u007f\u007fi\r"],
      // The prompt is written again with each backspace.
      ["ECHO_AGENT: ", ""],
      [prompt, "two\u0000lines\r"],
      [prompt, "\u001b[200~three\rpasted\rlines\u001b[201~\r"],
      [prompt, " exit \r"],
    ],
    "keys.md",
  );
  const line = "=".repeat(40);
  const said = ["hi", "two\nlines", "three\npasted\nlines"];
  const dialog = said.map((text) => `\nuser\n${line}\n${text}\n\nassistant / echo\n${line}\n${text}\n`);
  expect(await readFile(join(folder, "keys.md"), "utf8")).toBe(dialog.join(""));
  expect(stripVTControlCharacters(screen)).toContain("ECHO_AGENT: two\r\nlines\r\n");
  expect(screen).toContain("\u001b[92;1m");
});

test.skipIf(!hasPython)("Ctrl-C ends the chat, and so does Ctrl-D; the terminal is as before", async () => {
  for (const key of ["\u0003", "\u0004"]) {
    const screen = await type([[prompt, key]], "left.md");
    expect(stripVTControlCharacters(screen)).toMatch(/^YOU ARE NOW IN A CHAT/);
    expect(screen).toContain("\u001b[?2004l");
    expect(screen).toContain("The chat is in");
  }
});

test.skipIf(!hasPython)("what was typed ahead is not lost", async () => {
  await type([[prompt, "one\rtwo\u0000lines\rexit\r"]], "ahead.md");
  expect(await readFile(join(folder, "ahead.md"), "utf8")).toMatch(/one\n.*one\n.*two\nlines\n.*two\nlines\n$/s);
});

test.skipIf(!hasPython)("Ctrl-C that was typed ahead ends the chat after what was said before it", async () => {
  const screen = await type([[prompt, "one\r\u0003"]], "ahead-left.md");
  expect(screen).toContain("The chat is in");
  expect(await readFile(join(folder, "ahead-left.md"), "utf8")).toMatch(/one\n.*one\n$/s);
});
