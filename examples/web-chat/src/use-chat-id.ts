import { useEffect, useState } from "react";

/** The chat that the address names; a new one at `/`, which gets its address when it is `keep`t. */
export function useChatId() {
  const [chatId, setChatId] = useState(readChatId);

  useEffect(() => {
    const read = () => setChatId(readChatId());
    window.addEventListener("popstate", read);
    return () => window.removeEventListener("popstate", read);
  }, []);

  return {
    chatId,
    open(id: string) {
      history.pushState(null, "", chatPath(id));
      setChatId(id);
    },
    openNew() {
      history.pushState(null, "", "/");
      setChatId(newChatId());
    },
    keep() {
      if (location.pathname === "/") history.replaceState(null, "", chatPath(chatId));
    },
  };
}

export function chatPath(chatId: string): string {
  return `/chat/${encodeURIComponent(chatId)}`;
}

function readChatId(): string {
  const named = /^\/chat\/([^/]+)$/.exec(location.pathname)?.[1];
  return named === undefined ? newChatId() : decodeURIComponent(named);
}

/** By hand: `crypto.randomUUID` is missing where the page comes over plain HTTP, as to a phone in the same network. */
function newChatId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
