import { type Decoder, decodeResponse, type Model, type ModelEvent, type ModelRequest } from "millrace/provider";
import { requestError } from "./client.ts";

/** What one of the two APIs does for a model. */
export interface Wiring {
  readonly provider: string;
  readonly id: string;
  /** Posts the request and gives the answer, unread. */
  post(request: ModelRequest, signal: AbortSignal): Promise<Response>;
  /** A decoder for one answer. */
  decoder(): Decoder;
}

/** A model over one of the two APIs. */
export function modelOf(wiring: Wiring): Model {
  const { provider, id } = wiring;
  return { provider, id, stream: (request, { signal }) => stream(wiring, request, signal) };
}

async function* stream(wiring: Wiring, request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void> {
  signal.throwIfAborted();
  // The vendor's client lets go of a signal only when memory is collected: it gets one that lives as long as this.
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const response = await open(wiring, request, controller.signal, signal);
    yield* decodeResponse(response, wiring.decoder(), { provider: wiring.provider, signal });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function open(wiring: Wiring, request: ModelRequest, own: AbortSignal, signal: AbortSignal): Promise<Response> {
  try {
    return await wiring.post(request, own);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw requestError(error, wiring.provider);
  }
}
