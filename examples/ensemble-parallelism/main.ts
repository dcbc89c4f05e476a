// When agents run: not when they are called, but at the next turn, all of them at once. Their replies keep their places.
import { Ensemble, miniagent } from "@millrace/ensemble";

const agent1 = miniagent(async function agent1(ctx) {
  console.log("Agent 1 started");
  ctx.reply("*** MESSAGE from Agent 1 ***");
  console.log("Agent 1 finished");
});

const agent2 = miniagent(async function agent2(ctx) {
  console.log("Agent 2 started");
  ctx.reply("*** MESSAGE from Agent 2 ***");
  console.log("Agent 2 finished");
});

const aggregator = miniagent(async function aggregator(ctx) {
  console.log("Aggregator started");
  ctx.reply([agent1.trigger(), agent2.trigger(), "*** MESSAGE #1 from Aggregator ***"]);
  console.log("Aggregator still working");
  ctx.reply("*** MESSAGE #2 from Aggregator ***");
  console.log("Aggregator finished");
});

await new Ensemble().run(async () => {
  const replies = aggregator.trigger();
  console.log("PREPARING TO DELIVER MESSAGES FROM AGGREGATOR");
  for await (const reply of replies) console.log(String(await reply));
  console.log("TOTAL NUMBER OF MESSAGES FROM AGGREGATOR:", (await replies).length);
});
