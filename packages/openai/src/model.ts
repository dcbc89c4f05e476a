import { type Decoder, decodeResponse, type Model, type ModelRequest } from "millrace/provider";
import type OpenAI from "openai";
import type { ClientOptions } from "openai";
import { type ConnectionOptions, clientFor, secretOf } from "./client.ts";
import { ChatDecoder } from "./decode-chat.ts";
import { ResponsesDecoder } from "./decode-responses.ts";
import { type ChatDialect, encodeChat } from "./encode-chat.ts";
import { encodeResponses } from "./encode-responses.ts";
import { toFailure } from "./failure.ts";

/** A server, and how to reach it. */
export interface Server {
  readonly provider: string;
  readonly options: ConnectionOptions;
  /** What the client takes where the options say nothing. */
  readonly defaults: ClientOptions;
}

/** A model over Chat Completions, in a server's dialect; `thinkTags`: its text may begin with reasoning. */
export function chatModel(server: Server, id: string, dialect: ChatDialect = {}, thinkTags = false): Model {
  const { provider } = server;
  return modelOf(
    server,
    id,
    (client, request, signal) =>
      client.chat.completions
        .create(encodeChat(id, request, { ...dialect, provider }), { signal, maxRetries: 0 })
        .asResponse(),
    () => new ChatDecoder({ provider, thinkTags }),
  );
}

/** A model over the Responses API. */
export function responsesModel(server: Server, id: string): Model {
  const { provider } = server;
  return modelOf(
    server,
    id,
    (client, request, signal) =>
      client.responses.create(encodeResponses(id, request, { provider }), { signal, maxRetries: 0 }).asResponse(),
    () => new ResponsesDecoder({ provider }),
  );
}

/** Posts a request and gives the answer, unread. */
type Post = (client: OpenAI, request: ModelRequest, signal: AbortSignal) => Promise<Response>;

function modelOf({ provider, options, defaults }: Server, id: string, post: Post, decoder: () => Decoder): Model {
  return {
    provider,
    id,
    stream: (request, { signal }) =>
      decodeResponse(
        async (own) => {
          try {
            return await post(clientFor(options, provider, defaults), request, own);
          } catch (error) {
            throw toFailure(error, provider, secretOf(options));
          }
        },
        decoder(),
        { provider, signal },
      ),
  };
}
