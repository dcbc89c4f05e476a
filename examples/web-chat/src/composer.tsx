import { type KeyboardEvent, type RefObject, useEffect } from "react";
import { SendIcon, StopIcon } from "./icons.tsx";

interface ComposerProps {
  field: RefObject<HTMLTextAreaElement | null>;
  draft: string;
  isBusy: boolean;
  onDraft: (draft: string) => void;
  onSend: (text: string) => void;
  onStop: () => void;
}

export function Composer({ field, draft, isBusy, onDraft, onSend, onStop }: ComposerProps) {
  const isEmpty = draft.trim() === "";

  useEffect(() => focusField(field), [field]);

  const send = () => {
    if (!isEmpty && !isBusy) onSend(draft.trim());
  };
  const sendOnEnter = (event: KeyboardEvent) => {
    // Enter also ends a word in input methods, as for Japanese: that is none of ours.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        id="composer"
        rows={1}
        value={draft}
        placeholder="Ask something"
        aria-label="Message"
        aria-describedby="composer-hint"
        onChange={(event) => onDraft(event.target.value)}
        onKeyDown={sendOnEnter}
      />
      {isBusy ? (
        <button type="button" className="round" aria-label="Stop" onClick={onStop}>
          <StopIcon />
        </button>
      ) : (
        <button type="submit" className="round" aria-label="Send" disabled={isEmpty}>
          <SendIcon />
        </button>
      )}
      <p id="composer-hint" className="hint">
        <kbd>Enter</kbd> sends · <kbd>Shift</kbd> <kbd>Enter</kbd> begins a new line · <kbd>Esc</kbd> stops
      </p>
    </form>
  );
}

/** Not on a phone: its keyboard would cover half of what there is to read. */
export function focusField(field: RefObject<HTMLTextAreaElement | null>): void {
  if (matchMedia("(hover: hover)").matches) field.current?.focus();
}
