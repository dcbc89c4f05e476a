import { useCallback, useEffect, useState } from "react";
import { type History, loadChat } from "./chats-api.ts";
import { Conversation } from "./conversation.tsx";

interface ChatPageProps {
  chatId: string;
  /** The chat's latest run, as the list has it. */
  latestRunId: string | undefined;
  /** A run has begun, or ended. */
  onRun: () => void;
}

/** Loads a chat and shows it; loads it again when something was said elsewhere. */
export function ChatPage({ chatId, latestRunId, onRun }: ChatPageProps) {
  const [loaded, setLoaded] = useState<{ history: History; times: number }>();
  const [problem, setProblem] = useState<string>();
  // Here, so that loading again takes nothing away that is being written.
  const [draft, setDraft] = useState("");

  const load = useCallback(async () => {
    setProblem(undefined);
    try {
      const history = await loadChat(chatId);
      setLoaded((before) => ({ history, times: (before?.times ?? 0) + 1 }));
    } catch (error) {
      setProblem(String(error));
    }
  }, [chatId]);

  useEffect(() => void load(), [load]);

  if (loaded) {
    const { history, times } = loaded;
    const props = { chatId, history, latestRunId, draft, onDraft: setDraft, onRun, onBehind: load };
    return <Conversation key={times} {...props} />;
  }
  if (problem === undefined) return <main className="loading" aria-busy="true" />;
  return (
    <main className="loading">
      <div className="notice failed" role="alert">
        <p>The chat could not be loaded. {problem}</p>
        <button type="button" onClick={() => void load()}>
          Try again
        </button>
      </div>
    </main>
  );
}
