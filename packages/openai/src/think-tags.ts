/** A piece of what a model wrote: thought, or said. */
export interface ThinkPiece {
  readonly thinking: boolean;
  readonly text: string;
}

const open = "<think>";
const close = "</think>";

/**
 * Splits `<think>…</think>` at the beginning of a text from the rest, wherever the text is cut. Only at the beginning:
 * a model that writes about such tags must not lose what it wrote.
 */
export class ThinkTags {
  #state: "before" | "thinking" | "after" = "before";
  #held = "";

  /** Whether what follows is plain text. */
  get done(): boolean {
    return this.#state === "after";
  }

  /** The pieces that this text completes. */
  push(text: string): ThinkPiece[] {
    this.#held += text;
    if (this.#state === "before") {
      const start = this.#held.trimStart();
      if (open.startsWith(start) && start !== open) return [];
      this.#state = start.startsWith(open) ? "thinking" : "after";
      if (this.#state === "thinking") this.#held = start.slice(open.length);
    }
    return this.#state === "thinking" ? this.#think() : this.#rest(false);
  }

  /** What was held back, at the end of the text. */
  end(): ThinkPiece[] {
    return this.#rest(this.#state === "thinking");
  }

  #think(): ThinkPiece[] {
    const at = this.#held.indexOf(close);
    if (at >= 0) {
      const thought = this.#held.slice(0, at);
      this.#held = this.#held.slice(at + close.length);
      this.#state = "after";
      return [...pieces(true, thought), ...this.#rest(false)];
    }
    const keep = halfTag(this.#held);
    const thought = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return pieces(true, thought);
  }

  #rest(thinking: boolean): ThinkPiece[] {
    const text = this.#held;
    this.#held = "";
    return pieces(thinking, text);
  }
}

function pieces(thinking: boolean, text: string): ThinkPiece[] {
  return text === "" ? [] : [{ thinking, text }];
}

/** How many characters at the end may be the beginning of the closing tag. */
function halfTag(text: string): number {
  const from = text.lastIndexOf("<");
  return from >= 0 && close.startsWith(text.slice(from)) ? text.length - from : 0;
}
