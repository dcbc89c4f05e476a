/**
 * Reads several generators side by side and yields what they yield, as it comes. Each is asked for its next value only
 * after its last one was taken; at most `limit` are open at a time. Gives their return values in their order.
 */
export async function* merge<Value, Result>(
  sources: readonly AsyncGenerator<Value, Result, undefined>[],
  limit: number = sources.length,
): AsyncGenerator<Value, Result[], undefined> {
  const results = new Map<number, Result>();
  const ready: { index: number; step: Promise<IteratorResult<Value, Result>> }[] = [];
  let wake = (): void => {};
  const ask = (index: number): void => {
    const step = sources[index]?.next();
    if (!step) return;
    const arrived = (): void => {
      ready.push({ index, step });
      wake();
    };
    step.then(arrived, arrived);
  };
  let started = Math.min(limit, sources.length);
  for (let index = 0; index < started; index++) ask(index);
  while (results.size < sources.length) {
    const next = ready.shift();
    if (!next) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const { done, value } = await next.step;
    if (done) {
      results.set(next.index, value);
      ask(started++);
    } else {
      yield value;
      ask(next.index);
    }
  }
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}
