import type { ChatView } from "@millrace/react";

interface NoticeProps {
  status: ChatView["status"];
  error: Error | undefined;
  onRetry: () => void;
}

/** How a run ended that did not end well, and what can be done. */
export function Notice({ status, error, onRetry }: NoticeProps) {
  if (status === "failed") {
    return (
      <div className="notice failed" role="alert">
        <p>
          <strong>The answer broke off.</strong> {error?.message}
        </p>
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      </div>
    );
  }
  if (status === "stopped") {
    return (
      <div className="notice">
        <p>Stopped. What had arrived is kept.</p>
        <button type="button" onClick={onRetry}>
          Ask again
        </button>
      </div>
    );
  }
  return null;
}
