import { type Decoder, decodeResponse, type Model, type ModelRequest } from "millrace/provider";
import { toFailure } from "./failure.ts";

/** What one of the two APIs does for a model. */
export interface Wiring {
  readonly provider: string;
  readonly id: string;
  /** Posts the request and gives the answer, unread. */
  post(request: ModelRequest, signal: AbortSignal): Promise<Response>;
  /** A decoder for one answer. */
  decoder(): Decoder;
  /** The key, where it is known: it must not stand in an error. */
  secret(): string | undefined;
}

/** A model over one of the two APIs. */
export function modelOf(wiring: Wiring): Model {
  const { provider, id } = wiring;
  return {
    provider,
    id,
    stream: (request, { signal }) =>
      decodeResponse(
        async (own) => {
          try {
            return await wiring.post(request, own);
          } catch (error) {
            throw toFailure(error, provider, wiring.secret());
          }
        },
        wiring.decoder(),
        { provider, signal },
      ),
  };
}
