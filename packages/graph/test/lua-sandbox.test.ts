import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { flowControl, GraphAgent, node, Task } from "@millrace/graph";
import { LuaError, type LuaOptions, lua } from "@millrace/graph/lua";
import { expect, test } from "vitest";

const { signal } = new AbortController();
/** Where time is not what ends it, however busy the machine. */
const patient = { timeoutMs: 20_000 };

async function failureOf(source: string, options?: LuaOptions): Promise<unknown> {
  try {
    return await lua(source, options).evaluate({}, { signal });
  } catch (error) {
    expect(error).toBeInstanceOf(LuaError);
    return error instanceof LuaError ? error.kind : error;
  }
}

/** What is asked next is answered as if nothing had been. */
async function expectHealthy(): Promise<void> {
  const healthy = lua("string.rep(word, 2) == 'millmill'", patient);
  expect(await healthy.evaluate({ word: "mill" }, { signal })).toBe(true);
}

const loop = "while true do end";
const patternBomb = "string.find(string.rep('a', 40), string.rep('a?', 40) .. string.rep('a', 40))";

test.each([
  ["a loop", `${loop} return 1`, "instructions"],
  ["a loop that catches its own end", `while true do pcall(function() ${loop} end) end return 1`, "time"],
  ["a loop that catches with a handler", `while true do xpcall(function() ${loop} end, type) end return 1`, undefined],
  ["a pattern that takes for ever", patternBomb, "time"],
  ["a pattern within a pcall", `pcall(function() return ${patternBomb} end)`, undefined],
  ["a huge text", "#string.rep('x', 1e9)", "memory"],
  ["a text that doubles", "local s = 'x' while true do s = s .. s end return s", "memory"],
  ["a huge table", "local t = {} for i = 1, 1e9 do t[i] = i end return t", "memory"],
  ["tables in tables", "local t = {} while true do t = { t, {}, {} } end return t", "memory"],
  ["a wide format", "string.format('%99999d', 1)", "failed"],
  ["recursion", "local function f() return f() + 1 end return f()", "memory"],
  [
    "a sort that never agrees",
    "local t = {} for i = 1, 300 do t[i] = i end table.sort(t, function() return true end) return 1",
    "failed",
  ],
  ["a finalizer that never ends", `setmetatable({}, { __gc = function() ${loop} end })`, "time"],
  ["a metamethod that never ends", `setmetatable({}, { __index = function() ${loop} end }).x`, "instructions"],
  ["a thrown table", "error(setmetatable({}, { __tostring = function() while true do end end }))", "failed"],
])("%s is ended, and the next evaluation is fine", async (_, source, kind) => {
  const got = await failureOf(source, kind === "time" || kind === undefined ? {} : patient);
  if (kind !== undefined) expect(got).toBe(kind);
  await expectHealthy();
});

test("what a pcall catches is not the end of it: memory stays bounded", async () => {
  const bomb = "local t = {} for i = 1, 1e9 do t[i] = i end";
  const caught = `local ok = pcall(function() ${bomb} end) return ok`;
  expect(await failureOf(caught, patient)).toBe(false);
  await expectHealthy();
});

test("limits can be set", async () => {
  const table = "local t = {} for i = 1, 50000 do t[i] = i end return true";
  expect(await failureOf(table, patient)).toBe(true);
  expect(await failureOf(table, { ...patient, maxBytes: 100_000 })).toBe("memory");
  const startedAt = Date.now();
  expect(await failureOf(patternBomb, { timeoutMs: 20 })).toBe("time");
  expect(Date.now() - startedAt).toBeLessThan(20_000);
});

test("has nothing of the machine, also not by another name", async () => {
  const names = ["io", "os", "debug", "package", "coroutine", "load", "loadstring", "loadfile", "dofile", "require"];
  for (const name of [...names, "print", "warn", "collectgarbage", "_G", "_VERSION", "js"]) {
    expect(await lua(`return ${name}`, patient).evaluate({}, { signal })).toBe(false);
  }
  const strings = "local s = getmetatable('').__index return s.dump or s.rep == nil";
  expect(await lua(strings, patient).evaluate({}, { signal })).toBe(false);
});

test("nothing is left for the next evaluation", async () => {
  const marks = [
    "leak = 1",
    "getmetatable('').leak = 1",
    "getmetatable('').__index = function() return 1 end",
    "string.len = nil",
    "math.floor = nil",
    "setmetatable(getmetatable(''), { __index = { leak = 1 } })",
    "plan[1] = 'changed'",
  ];
  const given = { plan: ["kept"] };
  for (const mark of marks) expect(await lua(`${mark} return true`, patient).evaluate(given, { signal })).toBe(true);
  const clean = lua(
    `return not leak and not getmetatable('').leak and not ('x').leak and not (string.len == nil)
    and math.floor(1.5) == 1 and plan[1] == 'kept'`,
    patient,
  );
  for (let at = 0; at < 4; at++) expect(await clean.evaluate(given, { signal })).toBe(true);
  expect(given).toEqual({ plan: ["kept"] });
});

test("a thousand evaluations, many at a time, each with its own values", async () => {
  const condition = lua("a + b == c and list[#list] == c", patient);
  const results = await Promise.all(
    Array.from({ length: 1000 }, async (_, at) => {
      const c = at % 7 === 0 ? at : at + 1;
      return condition.evaluate({ a: at, b: 1, c, list: [0, c] }, { signal });
    }),
  );
  expect(results).toEqual(Array.from({ length: 1000 }, (_, at) => at % 7 !== 0));
});

test("an abort ends an evaluation, and those that wait for their turn, with its reason", async () => {
  const controller = new AbortController();
  const endless = lua(patternBomb, { timeoutMs: 60_000 });
  const running = Array.from({ length: 5 }, async () => endless.evaluate({}, { signal: controller.signal }));
  const reason = new Error("enough");
  controller.abort(reason);
  const ends = await Promise.allSettled(running);
  expect(ends.map((end) => end.status === "rejected" && end.reason)).toEqual(Array(5).fill(reason));
  await expectHealthy();
  await expect(Promise.resolve(endless.evaluate({}, { signal: controller.signal }))).rejects.toBe(reason);
});

test("a stop of the run ends its condition at once", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "ask",
        modules: [flowControl({ decisions: [{ next: "ask", condition: lua(patternBomb, { timeoutMs: 60_000 }) }] })],
      }),
    ],
  });
  const run = graph.run(new Task({ type: "t", objective: "o" }), { userId: "u1", chatId: "c1" });
  for await (const event of run) if (event.type === "module-start") run.stop("enough");
  expect(run.final).toMatchObject({ stopReason: "stopped" });
  await expectHealthy();
});

test("a process with idle workers, or none, exits by itself", async () => {
  const script = `
    import { lua } from "@millrace/graph/lua";
    const { signal } = new AbortController();
/** Where time is not what ends it, however busy the machine. */
const patient = { timeoutMs: 20_000 };
    const results = await Promise.all([1, 2, 3].map((x) => lua("x + 1 > 2", { timeoutMs: 20_000 }).evaluate({ x }, { signal })));
    await lua("${loop} return 1", { timeoutMs: 20_000 }).evaluate({}, { signal }).catch((error) => results.push(error.kind));
    console.log(JSON.stringify(results));`;
  const args = ["--conditions=@millrace/source", "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, timeout: 30_000 });
  expect(JSON.parse(stdout)).toEqual([false, true, true, "instructions"]);
});
