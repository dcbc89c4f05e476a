// Work for whoever is free: a mailbox of questions, agents that answer them, a mailbox of answers. In this process; where
// REDIS_URL is set, in Redis, where the workers may be other processes as well.
import { MemoryCache } from "@millrace/cache";
import { Agent } from "millrace";
import { echoModel } from "millrace/testing";

interface Question {
  id: number;
  text: string;
  askedAt: Date;
}

interface Answer {
  id: number;
  text: string;
}

const url = process.env["REDIS_URL"];
await using cache = url ? new (await import("@millrace/cache/redis")).RedisCache({ url }) : new MemoryCache();

// What is kept here is in a scope of its own, so that nobody else's is cleared.
const desk = cache.scoped({ prefix: "example", suffix: crypto.randomUUID() });
const agent = new Agent({ name: "helper", model: echoModel() });
const closing = new AbortController();

async function work(worker: string): Promise<void> {
  while (!closing.signal.aborted) {
    // Each question goes to one worker; a worker that leaves loses none.
    const question = await desk.receive<Question>("questions", { signal: closing.signal }).catch(() => undefined);
    if (!question) return;
    const { output } = await agent.sendMessage(question.text, { userId: "u1", chatId: `question-${question.id}` });
    await desk.update<number>(`answered by ${worker}`, (before = 0) => before + 1);
    await desk.publish("answers", { id: question.id, text: output });
  }
}

const workers = [work("Ada"), work("Grace")];
const questions = [
  "What does the mill grind?",
  "Who brings the grain?",
  "Where does the water go?",
  "When is it still?",
];
for (const [id, text] of questions.entries()) await desk.publish("questions", { id, text, askedAt: new Date() });

const answers: Answer[] = [];
while (answers.length < questions.length) {
  const answer = await desk.receive<Answer>("answers", { timeoutMs: 10_000 });
  if (!answer) throw new Error("no answer within ten seconds");
  answers.push(answer);
}
closing.abort();
await Promise.all(workers);

for (const { id, text } of answers.sort((a, b) => a.id - b.id)) console.log(`${id}: ${text}`);
const counts = await desk.getAll();
console.log(`answered: ${[...counts.values()].reduce((sum: number, count) => sum + Number(count), 0)}`);

// One report, however many processes want to write it.
{
  await using _lock = await desk.lock("report", { waitMs: 1000 });
  await desk.set("report", { answers, writtenAt: new Date() }, { ttlMs: 60_000 });
}
console.log(`report: ${(await desk.get<{ answers: Answer[] }>("report"))?.answers.length} answers`);
await desk.clear();
