// What a token costs in a chain of 20 agents, and what it costs to read all of it again.
// Over the built package: `npm run build`, then `node packages/ensemble/bench/chain.mjs`.
import { Ensemble, MessagePromise, MessageTokenAppender, miniagent } from "../dist/index.js";

const tokens = 100_000;
const depth = 20;

/** What each agent does with the reply of the one before it. */
const hops = {
  "passed on": (ctx, inner) => ctx.reply(inner.trigger()),
  "joined to one message": (ctx, inner) => ctx.reply(inner.trigger().asSingleTextPromise()),
  "written anew": async (ctx, inner) => {
    for await (const message of inner.trigger()) {
      const appender = new MessageTokenAppender().open();
      ctx.reply(new MessagePromise({ streamer: appender }));
      for await (const token of message) appender.append(token);
      appender.close();
    }
  },
};

async function write(ctx) {
  const appender = new MessageTokenAppender().open();
  ctx.reply(new MessagePromise({ streamer: appender }));
  for (let n = 0; n < tokens; n++) {
    appender.append("token ");
    if (n % 10 === 0) await undefined;
  }
  appender.close();
}

async function count(messages) {
  let seen = 0;
  for await (const message of messages) for await (const _ of message) seen++;
  return seen;
}

for (const [name, pass] of Object.entries(hops)) {
  await new Ensemble().run(async () => {
    let agent = miniagent(write, { alias: "0" });
    for (let level = 1; level < depth; level++) {
      const inner = agent;
      agent = miniagent((ctx) => pass(ctx, inner), { alias: String(level) });
    }
    const begun = performance.now();
    const replies = agent.trigger();
    const seen = await count(replies);
    const ended = performance.now();
    await count(replies);
    const each = ((ended - begun) * 1000) / tokens / depth;
    const again = ((performance.now() - ended) * 1000) / tokens;
    console.log(
      `${name}: ${seen} tokens, ${each.toFixed(2)} µs per token and agent; read again: ${again.toFixed(2)} µs`,
    );
  });
}
