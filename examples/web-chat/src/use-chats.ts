import { useCallback, useEffect, useRef, useState } from "react";
import type { ChatEntry } from "../server/chat-database.ts";
import { listChats } from "./chats-api.ts";

/** How often the list is read anew, for what other devices do, in milliseconds. */
const everyMs = 10_000;

/** The user's chats. Other tabs are told of changes at once, other devices' are seen a little later. */
export function useChats() {
  const [chats, setChats] = useState<readonly ChatEntry[]>([]);
  const channel = useRef<BroadcastChannel>(undefined);

  const refresh = useCallback(async () => {
    if (document.visibilityState === "hidden") return;
    // A server that is away for a moment has the same list when it is back.
    const read = await listChats().catch(() => undefined);
    if (read) setChats((shown) => (JSON.stringify(shown) === JSON.stringify(read) ? shown : read));
  }, []);

  const changed = useCallback(() => {
    void refresh();
    channel.current?.postMessage("changed");
  }, [refresh]);

  useEffect(() => {
    const update = () => void refresh();
    update();
    const timer = setInterval(update, everyMs);
    const opened = new BroadcastChannel("chats");
    opened.onmessage = update;
    channel.current = opened;
    document.addEventListener("visibilitychange", update);
    return () => {
      clearInterval(timer);
      opened.close();
      document.removeEventListener("visibilitychange", update);
    };
  }, [refresh]);

  return { chats, changed };
}
