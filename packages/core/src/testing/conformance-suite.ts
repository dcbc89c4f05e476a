import { isModelError } from "../is-model-error.ts";
import type { AssistantMessage, AssistantPart, Message, ProviderData } from "../messages.ts";
import { textOf, toolCallsOf } from "../messages.ts";
import type { ModelRequest } from "../model.ts";
import type { ConformanceError, ConformanceOptions, ConformanceStream, Wire, WireReply } from "./conformance.ts";
import { drain, finishOf, hold, holdError, holdReason, holdSame, readAll } from "./held-answer.ts";
import { ListenerCount } from "./listener-count.ts";
import { inTime, moment } from "./pacing.ts";

/** How soon something must happen after its cause. */
const soonMs = 1_500;

const question: ModelRequest = {
  messages: [{ role: "user", content: "What is the weather in Tokyo?" }],
  tools: [
    {
      name: "get_weather",
      description: "Get the weather for a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  ],
  settings: { maxOutputTokens: 1000 },
};

/** The checks of the suite, one method each. They throw what does not hold. */
export class ConformanceSuite {
  readonly #options: ConformanceOptions;

  constructor(options: ConformanceOptions) {
    this.#options = options;
  }

  async reads(stream: ConformanceStream, split?: number): Promise<void> {
    const { expected } = stream;
    const { model, received } = await this.#connect(stream.body, split === undefined ? {} : { split });
    const answer = await readAll(model, { ...question, ...stream.request });
    hold(received().length === 1, `expected one request, the server got ${received().length}`);
    if (expected.error) return holdError(answer, model, expected.error);
    const finish = finishOf(answer);
    const { message, reason, usage } = finish;
    const calls = toolCallsOf(message).map(({ name, args }) => ({ name, args }));
    holdSame(textOf(message), expected.text, "text");
    holdSame(reasoningOf(message), expected.reasoning, "reasoning");
    holdSame(calls, expected.toolCalls, "tool calls");
    holdSame(reason, expected.reason, "reason");
    for (const [name, tokens] of Object.entries(expected.usage ?? {})) {
      holdSame(Reflect.get(usage, name), tokens, `usage.${name}`);
    }
    await this.#checkReleased(received);
  }

  async sendsBack(stream: ConformanceStream): Promise<void> {
    const first = await this.#connect(stream.body);
    const { message } = finishOf(await readAll(first.model, { ...question, ...stream.request }));
    const sentBack = (stream.sentBack ?? []).map((opaque) => JSON.stringify(opaque).slice(1, -1));
    const own = await this.#sendAfter(stream, message);
    for (const opaque of sentBack) hold(own.includes(opaque), `${opaque.slice(0, 60)} is not in the next request`);
    const foreign = await this.#sendAfter(stream, asForeign(message));
    for (const opaque of sentBack) {
      hold(!foreign.includes(opaque), `${opaque.slice(0, 60)} is sent although it is another provider's`);
    }
  }

  async failsWith(error: ConformanceError): Promise<void> {
    const { status, body, kind, retryable, retryAfterMs } = error;
    const headers = error.headers ?? { "content-type": "application/json" };
    const { model, received } = await this.#options.connect({ status, body, headers });
    const answer = await readAll(model, question);
    holdError(answer, model, kind);
    const { thrown } = answer;
    if (!isModelError(thrown)) return;
    holdSame(thrown.status, status, "status");
    holdSame(thrown.retryable, retryable, "retryable");
    holdSame(thrown.retryAfterMs, retryAfterMs, "retryAfterMs");
    hold(received().length === 1, `expected no retry by the model, the server got ${received().length} requests`);
  }

  async isLazy(): Promise<void> {
    const { model, received } = await this.#connect(this.#text);
    model.stream(question, { signal: new AbortController().signal });
    await moment(30);
    hold(received().length === 0, "a request was sent although nobody reads");
  }

  async abortedAlready(): Promise<void> {
    const { model, received } = await this.#connect(this.#text);
    const reason = new Error("aborted before");
    const answer = await readAll(model, question, AbortSignal.abort(reason));
    holdReason(answer, reason);
    hold(received().length === 0, "a request was sent");
  }

  async abortBeforeHeaders(): Promise<void> {
    const { model, received } = await this.#connect(this.#text, { cutAfterBytes: 0, endWith: "stall" });
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = readAll(model, question, controller.signal);
    for (let waited = 0; received().length === 0 && waited < soonMs; waited += 10) await moment(10);
    hold(received().length === 1, "no request came");
    controller.abort(reason);
    holdReason(await inTime(reading, soonMs, "throwing the reason"), reason);
    await this.#checkCut(received);
  }

  async abortMidStream(): Promise<void> {
    const { model, received } = await this.#stalling();
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = readAll(model, question, controller.signal);
    await moment(150);
    controller.abort(reason);
    const answer = await inTime(reading, soonMs, "throwing the reason");
    holdReason(answer, reason);
    hold(answer.events.length > 0, "no event was given before the end of the stream: is the answer buffered?");
    await this.#checkCut(received);
  }

  async abortBetweenEvents(): Promise<void> {
    const { model, received } = await this.#stalling();
    const controller = new AbortController();
    const reason = new Error("enough");
    const events = model.stream(question, { signal: controller.signal })[Symbol.asyncIterator]();
    await events.next();
    controller.abort(reason);
    await moment(30);
    const rest = await inTime(drain(events), soonMs, "throwing the reason");
    holdReason(rest, reason);
    await this.#checkCut(received);
  }

  /** A signal may outlive thousands of requests. */
  async leavesNoListener(): Promise<void> {
    const { model } = await this.#connect(this.#text);
    const { signal } = new AbortController();
    const listeners = new ListenerCount(signal);
    finishOf(await readAll(model, question, signal));
    hold(listeners.count === 0, `${listeners.count} listeners are left on the signal after the answer`);
  }

  async readerLeaves(): Promise<void> {
    const { model, received } = await this.#stalling();
    const leave = async (): Promise<void> => {
      for await (const _ of model.stream(question, { signal: new AbortController().signal })) break;
    };
    await inTime(leave(), soonMs, "leaving the loop");
    await this.#checkCut(received);
  }

  async resetBeforeHeaders(): Promise<void> {
    const { model, received } = await this.#connect(this.#text, { cutAfterBytes: 0, endWith: "reset" });
    const answer = await readAll(model, question);
    holdError(answer, model, "network");
    hold(received().length === 1, `expected no retry by the model, the server got ${received().length} requests`);
  }

  async resetMidStream(): Promise<void> {
    const { model } = await this.#connect(this.#text, { cutAfterBytes: this.#most, endWith: "reset" });
    holdError(await readAll(model, question), model, "network");
  }

  /** Servers may end after the last event that matters: then the answer must be the whole one. */
  async endsEarly(): Promise<void> {
    const whole = finishOf(await readAll((await this.#connect(this.#text)).model, question)).message;
    const length = bytesOf(this.#text);
    for (let eighth = 0; eighth < 8; eighth++) {
      const cutAfterBytes = Math.floor((length * eighth) / 8);
      const { model } = await this.#connect(this.#text, { cutAfterBytes });
      const answer = await readAll(model, question);
      const finish = answer.events.find((event) => event.type === "finish");
      if (finish) holdSame(finish.message, whole, `the message of an answer cut after ${cutAfterBytes} bytes`);
      else holdError(answer, model, "network", "protocol");
    }
  }

  async getsPage(): Promise<void> {
    const headers = { "content-type": "text/html" };
    const { model } = await this.#options.connect({
      body: "<html><body>Sign in to the network</body></html>",
      headers,
    });
    holdError(await readAll(model, question), model, "protocol");
  }

  async twoAtOnce(): Promise<void> {
    const { model } = await this.#connect(this.#text, { split: 7 });
    const [left, right] = await Promise.all([readAll(model, question), readAll(model, question)]);
    holdSame(textOf(finishOf(left).message), textOf(finishOf(right).message), "the text of the other answer");
  }

  async slowReader(long: string | Uint8Array): Promise<void> {
    const { model, received } = await this.#connect(long);
    for await (const _ of model.stream(question, { signal: new AbortController().signal })) {
      await moment(200);
      break;
    }
    const sent = received()[0]?.sentBytes ?? 0;
    hold(sent < bytesOf(long) / 2, `${sent} bytes were taken from the server while the reader had asked for one event`);
  }

  get #text(): string | Uint8Array {
    return this.#options.streams.text.body;
  }

  /** Enough of the text stream for some events, not enough for its end. */
  get #most(): number {
    return Math.floor(bytesOf(this.#text) * 0.6);
  }

  #stalling(): Promise<Wire> {
    return this.#connect(this.#text, { cutAfterBytes: this.#most, endWith: "stall" });
  }

  async #connect(body: string | Uint8Array, reply: Partial<WireReply> = {}): Promise<Wire> {
    const { connect, headers = { "content-type": "text/event-stream" } } = this.#options;
    return await connect({ body, headers, ...reply });
  }

  /** Sends a conversation that goes on after `message`. Gives the request as text. */
  async #sendAfter(stream: ConformanceStream, message: AssistantMessage): Promise<string> {
    const results = toolCallsOf(message).map(
      ({ callId, name }): Message => ({ role: "tool", callId, name, content: "Sunny, 22°C" }),
    );
    const request = { ...question, ...stream.request };
    const messages: Message[] = [...request.messages, message, ...results, { role: "user", content: "And tomorrow?" }];
    const { model, received } = await this.#connect(this.#text);
    finishOf(await readAll(model, { ...request, messages }));
    const body = received()[0]?.body;
    const problems = this.#options.checkRequest?.(body) ?? [];
    hold(problems.length === 0, problems.join("; "));
    return JSON.stringify(body);
  }

  async #checkReleased(received: Wire["received"]): Promise<void> {
    for (const { closed } of received()) await inTime(closed, soonMs, "ending the exchange");
  }

  async #checkCut(received: Wire["received"]): Promise<void> {
    const [request] = received();
    hold(request !== undefined, "no request came");
    const end = request && (await inTime(request.closed, soonMs, "closing the connection"));
    holdSame(end, "cut", "the end of the exchange");
  }
}

function reasoningOf(message: AssistantMessage): string {
  return message.content.map((part) => (part.type === "reasoning" ? part.text : "")).join("");
}

/** The same message as if another provider had made it. */
function asForeign(message: AssistantMessage): AssistantMessage {
  return renamed({ ...message, content: message.content.map((part): AssistantPart => renamed(part)) });
}

function renamed<Owner extends { readonly providerData?: ProviderData }>(owner: Owner): Owner {
  const { providerData } = owner;
  if (!providerData) return owner;
  const entries = Object.entries(providerData).map(([wire, data]) => [`not-${wire}`, data] as const);
  return { ...owner, providerData: Object.fromEntries(entries) };
}

function bytesOf(body: string | Uint8Array): number {
  return typeof body === "string" ? new TextEncoder().encode(body).length : body.length;
}
