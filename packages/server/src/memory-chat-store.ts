import type { ChatStore, Message } from "millrace";

/**
 * Keeps chats in this process. Those that were not used for longest go first.
 *
 * @param options.maxChats how many chats are kept. Default: 10,000.
 */
export function memoryChatStore({ maxChats = 10_000 }: { maxChats?: number } = {}): ChatStore {
  /** In the order of their last use. */
  const chats = new Map<string, Message[]>();
  const use = (chat: { userId: string; chatId: string }): Message[] => {
    const key = JSON.stringify([chat.userId, chat.chatId]);
    const messages = chats.get(key) ?? [];
    chats.delete(key);
    chats.set(key, messages);
    for (const oldest of chats.keys()) {
      if (chats.size <= maxChats) break;
      chats.delete(oldest);
    }
    return messages;
  };
  return {
    load: (chat) => [...use(chat)],
    append: (chat, message) => void use(chat).push(message),
  };
}
