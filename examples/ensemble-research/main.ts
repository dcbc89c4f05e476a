// Research in parallel: a researcher for each question, all at once, and an editor whose text streams to the end of the
// chain while it is written. The whole team is then the tool of one more agent.
import process from "node:process";
import { agentChain, asTool, Ensemble, llmAgent, MessagePromise, miniagent } from "@millrace/ensemble";
import { Agent } from "millrace";
import { echoModel, scriptedModel } from "millrace/testing";

const researcher = llmAgent(new Agent({ name: "researcher", model: echoModel() }));

const research = miniagent(async function research(ctx) {
  for await (const question of ctx.messages) {
    const findings = researcher.trigger(`Findings on "${await question}"`);
    // Nobody has to wait for this: all researchers are at work already.
    ctx.makeSureToWait(findings);
    ctx.reply(findings);
  }
});

const editor = miniagent(async function editor(ctx) {
  const report = new MessagePromise({
    within: ctx,
    streamer: async function* () {
      let chapter = 0;
      for await (const finding of ctx.messages) {
        yield `${++chapter}. `;
        // Each token goes on as it comes.
        yield* finding;
        yield "\n";
      }
    },
  });
  ctx.reply(report);
});

const team = agentChain([research, editor], { alias: "TEAM", description: "Writes a report on what it is asked." });

await new Ensemble({ userId: "u1", chatId: "c1" }).run(async () => {
  for await (const report of team.trigger(["Who built the mill?", "When did it stop?", "Does it turn again?"])) {
    for await (const token of report) process.stdout.write(String(token));
  }
});

const chief = new Agent({
  name: "chief",
  model: scriptedModel([
    { toolCalls: [{ name: "team", args: { input: "Why is the pond dry?" } }] },
    "The report is here, and it is short.",
  ]),
  tools: [asTool(team)],
});
for await (const event of chief.respond("Have a report written on the pond.", { userId: "u1", chatId: "c1" })) {
  if (event.type === "tool-progress") process.stdout.write(String(event.progress));
  if (event.type === "text-delta") process.stdout.write(event.text);
}
console.log();
