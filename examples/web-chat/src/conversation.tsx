import { useChat } from "@millrace/react";
import { useEffect, useEffectEvent, useRef } from "react";
import type { History } from "./chats-api.ts";
import { Composer, focusField } from "./composer.tsx";
import { ArrowDownIcon } from "./icons.tsx";
import { Message } from "./message.tsx";
import { Notice } from "./notice.tsx";
import { useStickToEnd } from "./use-stick-to-end.ts";
import { Welcome } from "./welcome.tsx";

interface ConversationProps {
  chatId: string;
  history: History;
  latestRunId: string | undefined;
  draft: string;
  onDraft: (draft: string) => void;
  onRun: () => void;
  /** The chat has a run that this page knows nothing of. */
  onBehind: () => void;
}

export function Conversation({ chatId, history, latestRunId, draft, onDraft, onRun, onBehind }: ConversationProps) {
  const { messages, status, error, run, send, stop, retry } = useChat({
    url: "/api/chat",
    chatId,
    initialMessages: history.messages,
    resume: true,
  });
  const isBusy = status === "sending" || status === "running";
  const field = useRef<HTMLTextAreaElement>(null);
  const { scrollRef, contentRef, isAtEnd, scrollToEnd } = useStickToEnd();

  const runId = run?.id;
  const tellOfRun = useEffectEvent(onRun);
  useEffect(() => {
    if (runId !== undefined) tellOfRun();
  }, [runId]);

  const isBehind = !isBusy && latestRunId !== undefined && latestRunId !== runId && latestRunId !== history.runId;
  useEffect(() => {
    if (isBehind) onBehind();
  }, [isBehind, onBehind]);

  useEffect(() => {
    if (!isBusy) return;
    const stopOnEscape = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) stop();
    };
    document.addEventListener("keydown", stopOnEscape);
    return () => document.removeEventListener("keydown", stopOnEscape);
  }, [isBusy, stop]);

  // What was pressed may be gone after it: the focus goes where one writes on.
  const act = (action: () => void) => () => {
    action();
    focusField(field);
  };
  const say = (text: string) => {
    act(() => send(text))();
    onDraft("");
    scrollToEnd();
  };

  const last = messages.at(-1);
  const isWaiting = isBusy && (last?.role !== "assistant" || !isWriting(last.parts.at(-1)));

  return (
    <main className="chat">
      <div className="scroll" ref={scrollRef}>
        <div className="messages" ref={contentRef} role="log" aria-label="Conversation" aria-busy={isBusy}>
          {messages.length === 0 && !isBusy && <Welcome onAsk={say} />}
          {messages.map((message, index) => (
            // Messages are only ever added at the end.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <Message key={index} message={message} isArriving={isBusy && message === last} />
          ))}
          {isWaiting && <Waiting />}
          <Notice status={status} error={error} onRetry={act(retry)} />
        </div>
      </div>
      <footer className="dock">
        {!isAtEnd && (
          <button type="button" className="to-end" aria-label="To the newest message" onClick={scrollToEnd}>
            <ArrowDownIcon />
          </button>
        )}
        <Composer field={field} draft={draft} isBusy={isBusy} onDraft={onDraft} onSend={say} onStop={act(stop)} />
      </footer>
      <p className="visually-hidden" role="status">
        {statusTexts[status]}
      </p>
    </main>
  );
}

const statusTexts = {
  idle: "",
  sending: "Sending",
  running: "The answer is being written",
  completed: "The answer is complete",
  stopped: "The answer was stopped",
  failed: "The answer failed",
};

/** Whether a part of the answer shows by itself that it goes on. */
function isWriting(part: { type: string; state?: string } | undefined): boolean {
  if (part?.type === "tool") return part.state === "arriving" || part.state === "running";
  return part !== undefined;
}

function Waiting() {
  return (
    <div className="waiting" aria-hidden="true">
      <svg viewBox="0 0 64 16" role="presentation">
        <path d="M0 8c5.3-7 10.7-7 16 0s10.7 7 16 0 10.7-7 16 0 10.7 7 16 0" />
      </svg>
    </div>
  );
}
