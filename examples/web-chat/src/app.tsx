import { useEffect, useState } from "react";
import { ChatPage } from "./chat-page.tsx";
import { MenuIcon, NewChatIcon } from "./icons.tsx";
import { Sidebar } from "./sidebar.tsx";
import { useChatId } from "./use-chat-id.ts";
import { useChats } from "./use-chats.ts";
import { useMediaQuery } from "./use-media-query.ts";

export function App() {
  const { chatId, open, openNew, keep } = useChatId();
  const { chats, changed } = useChats();
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  const isPhone = useMediaQuery("(max-width: 760px)");
  const isCovered = isPhone && isDrawerOpen;
  const chat = chats.find((entry) => entry.chatId === chatId);
  const title = chat?.title ?? "New chat";

  useEffect(() => {
    document.title = `${title} · Millrace chat`;
  }, [title]);

  const goTo = (id: string | undefined) => {
    setDrawerOpen(false);
    if (id === undefined) openNew();
    else open(id);
  };

  return (
    <>
      <a className="skip-link" href="#composer">
        Skip to the message box
      </a>
      <div className="app">
        <Sidebar
          chats={chats}
          chatId={chatId}
          isDrawer={isPhone}
          isOpen={isDrawerOpen}
          onGoTo={goTo}
          onClose={() => setDrawerOpen(false)}
          onChanged={changed}
        />
        <div className="content" inert={isCovered}>
          <header className="top-bar">
            <button
              type="button"
              className="icon-button only-phone"
              aria-label="Chats"
              aria-expanded={isDrawerOpen}
              onClick={() => setDrawerOpen(true)}
            >
              <MenuIcon />
            </button>
            <h1>{title}</h1>
            <button
              type="button"
              className="icon-button only-phone"
              aria-label="New chat"
              onClick={() => goTo(undefined)}
            >
              <NewChatIcon />
            </button>
          </header>
          <ChatPage
            key={chatId}
            chatId={chatId}
            latestRunId={chat?.runId}
            onRun={() => {
              keep();
              changed();
            }}
          />
        </div>
      </div>
    </>
  );
}
