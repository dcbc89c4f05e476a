// The smallest ensemble: an agent that answers each message as it comes.
import { Ensemble, miniagent } from "@millrace/ensemble";

const echo = miniagent(async function echo(ctx) {
  for await (const message of ctx.messages) ctx.reply(`You said: ${await message}`);
});

await new Ensemble().run(async () => {
  for await (const reply of echo.trigger(["Hello", "World"])) console.log(String(await reply));
});
