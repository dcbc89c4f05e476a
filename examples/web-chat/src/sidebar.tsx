import { type MouseEvent, useEffect, useEffectEvent, useRef, useState } from "react";
import type { ChatEntry } from "../server/chat-database.ts";
import { removeChat, renameChat } from "./chats-api.ts";
import { CrossIcon, NewChatIcon, RemoveIcon, RenameIcon } from "./icons.tsx";
import { ThemeToggle } from "./theme-toggle.tsx";
import { chatPath } from "./use-chat-id.ts";

interface SidebarProps {
  chats: readonly ChatEntry[];
  chatId: string;
  /** On a phone it slides over the page. */
  isDrawer: boolean;
  isOpen: boolean;
  /** Another chat; undefined: a new one. */
  onGoTo: (chatId: string | undefined) => void;
  onClose: () => void;
  onChanged: () => void;
}

export function Sidebar({ chats, chatId, isDrawer, isOpen, onGoTo, onClose, onChanged }: SidebarProps) {
  const newChat = useRef<HTMLButtonElement>(null);

  const close = useEffectEvent(onClose);
  useEffect(() => {
    if (!isDrawer || !isOpen) return;
    const before = document.activeElement;
    newChat.current?.focus();
    const closeOnEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      close();
    };
    // Before the page's own listener, which would stop the answer.
    document.addEventListener("keydown", closeOnEscape, true);
    return () => {
      document.removeEventListener("keydown", closeOnEscape, true);
      // What is behind the drawer can take the focus when it is shown again.
      if (before instanceof HTMLElement) setTimeout(() => before.focus());
    };
  }, [isDrawer, isOpen]);

  const remove = async (entry: ChatEntry) => {
    if (!confirm(`Delete “${entry.title}”?`)) return;
    await removeChat(entry.chatId);
    onChanged();
    if (entry.chatId === chatId) onGoTo(undefined);
  };
  const rename = async (entry: ChatEntry, title: string) => {
    if (title.trim() !== "" && title !== entry.title) await renameChat(entry.chatId, title);
    onChanged();
  };

  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: Escape does the same */}
      <div className="scrim" data-open={isDrawer && isOpen} onClick={onClose} />
      <nav className="sidebar" aria-label="Chats" data-open={isOpen} inert={isDrawer && !isOpen}>
        <div className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>Millrace</span>
          <button type="button" className="icon-button only-phone" aria-label="Close the list" onClick={onClose}>
            <CrossIcon />
          </button>
        </div>
        <button type="button" className="new-chat" ref={newChat} onClick={() => onGoTo(undefined)}>
          <NewChatIcon />
          New chat
        </button>
        <ul className="chats">
          {chats.map((entry) => (
            <ChatItem
              key={entry.chatId}
              entry={entry}
              isCurrent={entry.chatId === chatId}
              onOpen={() => onGoTo(entry.chatId)}
              onRename={(title) => void rename(entry, title).catch(tell)}
              onRemove={() => void remove(entry).catch(tell)}
            />
          ))}
        </ul>
        <ThemeToggle />
      </nav>
    </>
  );
}

function tell(error: unknown): void {
  alert(`That did not work. ${error}`);
}

interface ChatItemProps {
  entry: ChatEntry;
  isCurrent: boolean;
  onOpen: () => void;
  onRename: (title: string) => void;
  onRemove: () => void;
}

function ChatItem({ entry, isCurrent, onOpen, onRename, onRemove }: ChatItemProps) {
  const { chatId, title } = entry;
  const [isEditing, setEditing] = useState(false);

  if (isEditing) {
    const end = (text: string) => {
      setEditing(false);
      onRename(text);
    };
    return (
      <li>
        <input
          defaultValue={title}
          aria-label="Title of the chat"
          maxLength={100}
          // biome-ignore lint/a11y/noAutofocus: it takes the place of the button that was pressed
          autoFocus
          onFocus={(event) => event.target.select()}
          onBlur={(event) => end(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") event.currentTarget.blur();
            if (event.key !== "Escape") return;
            event.preventDefault();
            end(title);
          }}
        />
      </li>
    );
  }
  const open = (event: MouseEvent) => {
    // With a key held it opens in a tab of its own, as any link.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    onOpen();
  };
  return (
    <li>
      <a href={chatPath(chatId)} aria-current={isCurrent ? "page" : undefined} title={title} onClick={open}>
        {title}
      </a>
      <button type="button" className="icon-button" aria-label={`Rename ${title}`} onClick={() => setEditing(true)}>
        <RenameIcon />
      </button>
      <button type="button" className="icon-button" aria-label={`Delete ${title}`} onClick={onRemove}>
        <RemoveIcon />
      </button>
    </li>
  );
}
