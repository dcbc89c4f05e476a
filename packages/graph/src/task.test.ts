import { ConfigError } from "millrace";
import { expect, test } from "vitest";
import { Task, TaskError, type TaskStatus } from "./task.ts";

const options = { type: "t", objective: "o" };

test("waits, with an id of its own and no parameters", () => {
  const task = new Task(options);
  expect(task.toJSON()).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    ...options,
    params: {},
    status: "waiting",
  });
  expect(new Task(options).id).not.toBe(task.id);
});

test("ends with its result or its error", () => {
  const complete = new Task(options);
  complete.begin();
  complete.complete({ a: 1 });
  expect(complete).toMatchObject({ status: "complete", result: { a: 1 }, error: undefined });

  const partial = new Task(options);
  partial.begin();
  partial.fail(new Error("b failed"), { a: 1 }, "partial_failure");
  expect(partial.toJSON()).toMatchObject({
    status: "partial_failure",
    result: { a: 1 },
    error: { message: "b failed" },
  });
});

const moves: Record<string, (task: Task) => void> = {
  executing: (task) => task.begin(),
  complete: (task) => task.complete(1),
  failed: (task) => task.fail(new Error("no")),
  partial_failure: (task) => task.fail(new Error("no"), {}, "partial_failure"),
};
const legal = new Set(["waiting executing", "executing complete", "executing failed", "executing partial_failure"]);
const statuses: TaskStatus[] = ["waiting", "executing", "complete", "failed", "partial_failure"];
const pairs = statuses.flatMap((from) => Object.keys(moves).map((to) => [from, to] as const));

test.each(pairs)("from %s to %s", (from, to) => {
  const task = Task.from({ ...options, id: "1", params: {}, status: from });
  const move = (): void => moves[to]?.(task);
  if (legal.has(`${from} ${to}`)) {
    move();
    expect(task.status).toBe(to);
  } else {
    expect(move).toThrow(TaskError);
    expect(move).toThrow(`it is ${from} and cannot become ${to}`);
    expect(task.status).toBe(from);
  }
});

test("comes back from its plain data", () => {
  const task = new Task({ ...options, params: { n: 1 } });
  task.begin();
  task.fail(new Error("no"), { a: 1 });
  expect(Task.from(task.toJSON()).toJSON()).toEqual(task.toJSON());
});

test.each([
  ["no options", "null", "task"],
  ["no type", '{ "objective": "o" }', "task.type"],
  ["no objective", '{ "type": "t" }', "task.objective"],
  ["an id that is no place of its own", '{ "type": "t", "objective": "o", "id": "" }', "id"],
  ["parameters without names", '{ "type": "t", "objective": "o", "params": "x" }', "params"],
  ["a slip of the pen", '{ "type": "t", "objective": "o", "parms": {} }', "no such option"],
])("refuses %s", (_, json, message) => {
  expect(() => new Task(JSON.parse(json))).toThrow(ConfigError);
  expect(() => new Task(JSON.parse(json))).toThrow(message);
});
