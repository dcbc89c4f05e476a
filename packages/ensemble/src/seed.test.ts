import { expect, test } from "vitest";
import { z } from "zod";
import { Ensemble, messageClass, miniagent, TextMessage } from "./index.ts";

test("agents start at the first turn, replies come in their place", async () => {
  const printed: string[] = [];
  const print = (line: string) => printed.push(line);
  const agent1 = miniagent(async function agent1(ctx) {
    print("Agent 1 started");
    ctx.reply("*** MESSAGE from Agent 1 ***");
    print("Agent 1 finished");
  });
  const agent2 = miniagent(async function agent2(ctx) {
    print("Agent 2 started");
    ctx.reply("*** MESSAGE from Agent 2 ***");
    print("Agent 2 finished");
  });
  const aggregator = miniagent(async function aggregator(ctx) {
    print("Aggregator started");
    ctx.reply([agent1.trigger(), agent2.trigger(), "*** MESSAGE #1 from Aggregator ***"]);
    print("Aggregator still working");
    ctx.reply("*** MESSAGE #2 from Aggregator ***");
    print("Aggregator finished");
  });
  await new Ensemble().run(async () => {
    const replies = aggregator.trigger();
    print("PREPARING TO DELIVER MESSAGES FROM AGGREGATOR");
    for await (const reply of replies) print(`${await reply}`);
    print(`TOTAL NUMBER OF MESSAGES FROM AGGREGATOR: ${(await replies).length}`);
  });
  expect(printed).toEqual([
    "PREPARING TO DELIVER MESSAGES FROM AGGREGATOR",
    "Aggregator started",
    "Aggregator still working",
    "Aggregator finished",
    "Agent 1 started",
    "Agent 1 finished",
    "Agent 2 started",
    "Agent 2 finished",
    "*** MESSAGE from Agent 1 ***",
    "*** MESSAGE from Agent 2 ***",
    "*** MESSAGE #1 from Aggregator ***",
    "*** MESSAGE #2 from Aggregator ***",
    "TOTAL NUMBER OF MESSAGES FROM AGGREGATOR: 4",
  ]);
});

test("an agent answers each message as it comes", async () => {
  const echo = miniagent(async function myAgent(ctx) {
    for await (const message of ctx.messages) ctx.reply(`You said: ${await message}`);
  });
  const said: string[] = [];
  await new Ensemble().run(async () => {
    for await (const reply of echo.inquire(["Hello", "World"])) said.push(String(await reply));
  });
  expect(said).toEqual(["You said: Hello", "You said: World"]);
  expect(echo.alias).toBe("MY_AGENT");
});

test("a message class has fields of its own", () => {
  const CustomMessage = messageClass("CustomMessage", z.object({ custom_field: z.string() }), TextMessage);
  const message = new CustomMessage({ content: "Hello", custom_field: "Custom Value" });
  expect([message.content, message.custom_field, String(message), message.class_]).toEqual([
    "Hello",
    "Custom Value",
    "Hello",
    "CustomMessage",
  ]);
});
