import { MemoryCache } from "@millrace/cache";
import { ConfigError } from "millrace";
import { afterEach, expect, test, vi } from "vitest";
import { flowControl, GraphAgent, node, Task } from "./index.ts";
import { LuaError, lua } from "./lua.ts";

const { signal } = new AbortController();
const call = { userId: "u1", chatId: "c1" };

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  ["task.ready == true", { task: { ready: true } }, true],
  ["task.ready == true", { task: { ready: false } }, false],
  ["current_step < #plan", { current_step: 2, plan: ["a", "b", "c"] }, true],
  ["current_step < #plan", { current_step: 3, plan: ["a", "b", "c"] }, false],
  ["plan ~= null", { plan: [] }, true],
  ["plan ~= null", {}, false],
  ["(v == 1)", { v: 1 }, true],
  ["v==1", { v: 1 }, true],
  ["not v", {}, true],
  ["not v", { v: 0 }, false],
  ["s == 'yes' and #plan > 0", { s: "yes", plan: [null] }, true],
  ["plan[1] == 'first' and plan[0] == nil", { plan: ["first"] }, true],
  ['task.params["max words"] >= 10 -- a comment', { task: { params: { "max words": 10 } } }, true],
  ["v ~= nil", { v: null }, false],
  ["''", {}, true],
  ["#name == 6 and name == '\\u{e4}\u00f6ü'", { name: "äöü" }, true],
  ["n == 9007199254740993", { n: 9007199254740993n }, true],
  // By bytes, as Lua compares: not by the halves of characters that JavaScript compares.
  ["last < smile and not (smile < last) and a < b", { last: "\uffff", smile: "\u{1f600}", a: "a", b: "a\0" }, true],
  ["n == 9007199254740992 and n <= 9007199254740993", { n: 2 ** 53 }, true],
  ["m[-9223372036854775808] == 'least'", { m: new Map([[-(2n ** 63n), "least"]]) }, true],
  ["at < '2026-02-01'", { at: new Date("2026-01-31T10:00:00Z") }, true],
  ["tags[2] == 'b' and sizes.large == 3", { tags: new Set(["a", "b"]), sizes: new Map([["large", 3]]) }, true],
  ["type == 'bug' and error == nil and #table == 1", { type: "bug", table: [1] }, true],
  // Left to the engine.
  ["score * 2 > 7", { score: 4 }, true],
  ["type(task) == 'table' and task.name:lower():find('mill', 1, true) ~= nil", { task: { name: "The MILL" } }, true],
  ["(function(list) for _, v in ipairs(list) do if v > 2 then return true end end end)(plan)", { plan: [1, 3] }, true],
  ["local sum = 0 for _, v in ipairs(plan) do sum = sum + v end return sum > 3", { plan: [1, 3] }, true],
  ["{ ... } and table.concat(plan, ',') == 'a,ö'", { plan: ["a", "ö"] }, true],
  ["#plan + 0 == 3 and plan[2] == nil", { plan: [1, null, 3] }, true],
  ["n + 0 == 9223372036854775807 and big + 0 == 2 ^ 64", { n: 2n ** 63n - 1n, big: 2n ** 64n }, true],
  ["#s + 0 == 5 and s:byte(3) == 0", { s: "ab\0cd" }, true],
  ["math.type(i) == 'integer' and math.type(f) == 'float'", { i: 3, f: 3.5 }, true],
])("%s", async (source, values: Record<string, unknown>, expected) => {
  expect(await lua(source, { timeoutMs: 20_000 }).evaluate(values, { signal })).toBe(expected);
});

test("tells which keys it reads: not those of strings, comments, fields, locals, and of the library", () => {
  const { keys, source } = lua(`
    local limit <const> = max_steps -- not this_one, [[nor this]]
    local function is_done(step) return step.state == "done_state" and not null end
    for index, step in ipairs(plan) do
      if is_done(step) and index < limit then return true end
    end
    return task.ready or string.len(name) > #[[some_text]] or other["field"] or { option = option_value }`);
  expect(keys).toEqual(["max_steps", "plan", "task", "name", "other", "option_value"]);
  expect(source).toContain("is_done");
});

test.each([
  ["", "expected a non-empty string"],
  ["task.ready = ", "expected a value, got end of the text"],
  ["task.ready == true)", 'got ")"'],
  ["task ready", "line 1, column 6"],
  ["a &&\nb", 'expected a value, got "&"'],
  ["x !== 1", 'there is no "!" in Lua'],
  ["'open", "has no end"],
  ["while true do end", "never returns"],
  ["do local x <const> = 1 x = 2 end return x", "x is constant"],
  ["do break end return 1", "no loop"],
  ["goto done", "goto"],
  ["_ENV.x", "_ENV"],
  ["(".repeat(300), "nested too deeply"],
  ["os.execute('ls')", "there is no function os.execute"],
  ["io.open('/etc/passwd')", "there is no function io.open"],
  ["require('fs')", "there is no function require"],
  ["load('return 1')()", "there is no function load"],
  ["dofile('x')", "there is no function dofile"],
  ["debug.getinfo(1)", "there is no function debug.getinfo"],
  ["collectgarbage()", "there is no function collectgarbage"],
  ["print(1)", "there is no function print"],
  ["coroutine.wrap(type)", "there is no function coroutine.wrap"],
  ["math.random() > 0.5", "there is no function math.random"],
  ["type(type) == 'x'", "both as a function of Lua and as a value"],
])("refuses %s when the graph is built", (source, problem) => {
  const build = (): unknown => lua(source);
  expect(build).toThrow(ConfigError);
  expect(build).toThrow(problem);
});

test("refuses limits that cannot be", () => {
  expect(() => lua("x", { timeoutMs: 0 })).toThrow("lua.timeoutMs: expected milliseconds above 0");
  expect(() => lua("x", { maxBytes: -1 })).toThrow("lua.maxBytes");
});

test.each([
  ["task.ready", {}, "attempt to index a nil value (global 'task')"],
  ["#plan > 0", {}, "attempt to get length of a nil value (global 'plan')"],
  ["v > 1", {}, "attempt to compare number with nil"],
  ["task.steps.first", { task: {} }, "attempt to index a nil value (field 'steps')"],
  ["x + 1", {}, "attempt to perform arithmetic on a nil value (global 'x')"],
  ["error({})", {}, "an error that is no text"],
])("an error of %s says what Lua says", async (source, values, problem) => {
  const error = await Promise.resolve()
    .then(() => lua(source).evaluate(values, { signal }))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LuaError);
  expect(error).toMatchObject({ kind: "failed", source, message: expect.stringContaining(problem) });
});

test("an error of a script says the line", async () => {
  await expect(lua("local a = 1\nreturn a.b.c").evaluate({}, { signal })).rejects.toMatchObject({ line: 2 });
});

test("where the runtime has no workers, what can be decided in place is, and the rest is refused", async () => {
  vi.resetModules();
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
  const edge = await import("./lua.ts");
  expect(await edge.lua("#plan > 0").evaluate({ plan: [1] }, { signal })).toBe(true);
  expect(() => edge.lua("#plan + 1 > 0")).toThrow("which this runtime has not; write a function instead");
});

test("without wasmoon, what can be decided in place is, and the rest names the package", async () => {
  vi.resetModules();
  const { getBuiltinModule } = process;
  const createRequire = (): unknown => ({
    resolve() {
      throw new Error("Cannot find module 'wasmoon'");
    },
  });
  vi.spyOn(process, "getBuiltinModule").mockImplementation((name: string) =>
    name === "node:module" ? { createRequire } : getBuiltinModule(name),
  );
  const bare = await import("./lua.ts");
  expect(await bare.lua("v == 1").evaluate({ v: 1 }, { signal })).toBe(true);
  expect(() => bare.lua("v + 1 == 2")).toThrow("it needs the package wasmoon");
});

test("steers a graph: a loop over a plan, with the task and the cache in view", async () => {
  const cache = new MemoryCache();
  const graph = new GraphAgent({
    name: "plan",
    cache,
    nodes: [
      node({ name: "plan", modules: [({ cache: values }) => values.set("plan", ["a", "b", "c"])] }),
      node({
        name: "work",
        dependencies: ["plan"],
        modules: [({ cache: values }) => values.update<number>("current_step", (step = 0) => step + 1)],
      }),
      node({
        name: "check",
        dependencies: ["work"],
        modules: [
          flowControl({
            decisions: [
              { next: "work", condition: lua("current_step < #plan and task.status == 'executing'") },
              { next: "done", condition: lua("current_step % 3 == 0") },
            ],
          }),
        ],
      }),
      node({ name: "done", dependencies: ["check"], condition: lua("task.params.wanted"), modules: [() => "done"] }),
    ],
  });
  const task = new Task({ type: "t", objective: "o", params: { wanted: true } });
  const final = await graph.runTask(task, call);
  expect(final.steps.flat()).toEqual(["plan", "work", "check", "work", "check", "work", "check", "done"]);
  expect(final.results["done"]).toBe("done");
});

test("a condition that fails, fails its node with what it said", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [node({ name: "a", retry: false, condition: lua("nothing.there"), modules: [() => 1] })],
  });
  const run = graph.run(new Task({ type: "t", objective: "o" }), call);
  const read = async (): Promise<void> => {
    for await (const _ of run);
  };
  await expect(read()).rejects.toThrow("no node succeeded");
  expect(run.final?.nodes["a"]?.error).toMatchObject({ kind: "failed", cause: { name: "LuaError" } });
});
