import { type Client, connect, type RemoteInput } from "@millrace/client";
import { ConfigError, type Message } from "millrace";
import { useEffect, useState, useSyncExternalStore } from "react";
import { ChatSession, type ChatView } from "./chat-session.ts";

/** Options of {@link useChat}. */
export interface UseChatOptions {
  /** Of the endpoint. Another URL is another chat. */
  url?: string;
  /** Instead of `url`: a client with options of its own. The one of the first render is used. */
  client?: Client;
  /** The conversation. Another id is another chat, which starts with its own `initialMessages`. */
  chatId: string;
  /** The conversation so far, as the server has stored it. Read once for each chat. Default: none. */
  initialMessages?: readonly Message[];
  /** Reads on in the chat's latest run, where the server keeps it: after a reload, in a second tab. Default: false. */
  resume?: boolean;
}

/** What {@link useChat} gives: what to show, and what can be done. The functions keep their identity. */
export interface UseChat extends ChatView {
  /**
   * Sends a message of the user, which is shown at once.
   * @throws ConfigError while a run goes on (`status` is `sending` or `running`)
   */
  send: (input: RemoteInput) => void;
  /** Stops the run. What has arrived stays. */
  stop: () => void;
  /** After a failure: reads on where the run may still go on, else sends the last message again. */
  retry: () => void;
}

/**
 * A chat with an agent at a server. Renders at most once per animation frame, however fast events come. A component that
 * is unmounted closes its connection; a run that the server keeps goes on.
 *
 * @throws ConfigError without `url` and `client`
 */
export function useChat(options: UseChatOptions): UseChat {
  const { url, chatId } = options;
  const [chat, setChat] = useState(() => ({ url, chatId, session: sessionOf(options) }));
  let { session } = chat;
  if (chat.url !== url || chat.chatId !== chatId) {
    session = sessionOf(options);
    setChat({ url, chatId, session });
  }
  useEffect(() => {
    session.open();
    return () => session.close();
  }, [session]);
  const view = useSyncExternalStore(session.subscribe, session.view, session.view);
  const { send, stop, retry } = session;
  return { ...view, send, stop, retry };
}

function sessionOf({ url, client, chatId, initialMessages = [], resume = false }: UseChatOptions): ChatSession {
  if (!client && url === undefined) throw new ConfigError("useChat", "expected the option url or client, got neither");
  return new ChatSession({ client: client ?? connect(url ?? ""), chatId, initialMessages, resume });
}
