import type { Ask } from "./terminal-prompt.ts";

/**
 * Asks where there is no terminal, such as at a pipe: each line is a message. It is written to the output, which so reads
 * like that of a terminal. The input flows only while it is asked: a program can end without its end.
 */
export function linePrompt(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Ask {
  const decoder = new TextDecoder();
  let text = "";
  let hasEnded = false;
  return async (prompt, signal) => {
    output.write(prompt);
    while (!hasEnded && !text.includes("\n")) {
      const chunk = await nextChunk(input, signal);
      hasEnded = chunk === undefined;
      text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: !hasEnded });
    }
    const line = /^([^\n]*?)\r?(?:\n|$)/.exec(text);
    if (!line || text === "") {
      output.write("\n");
      return undefined;
    }
    text = text.slice(line[0].length);
    output.write(`${line[1]}\n`);
    return line[1];
  };
}

function nextChunk(input: NodeJS.ReadableStream, signal: AbortSignal): Promise<string | Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if ("readableEnded" in input && input.readableEnded) return resolve(undefined);
    const done = (): void => {
      input.pause();
      signal.removeEventListener("abort", onAbort);
      input.removeListener("data", onChunk);
      input.removeListener("error", onError);
      for (const event of ["end", "close"]) input.removeListener(event, onEnd);
    };
    const onChunk = (chunk: string | Uint8Array): void => {
      done();
      resolve(chunk);
    };
    const onEnd = (): void => {
      done();
      resolve(undefined);
    };
    const onError = (error: unknown): void => {
      done();
      reject(error);
    };
    const onAbort = (): void => onError(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    for (const event of ["end", "close"]) input.once(event, onEnd);
    input.once("error", onError);
    input.once("data", onChunk);
    input.resume();
  });
}
