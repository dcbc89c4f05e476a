/** First in, first out, however long it is: `shift()` of a long array moves all that is left. */
export class TextQueue {
  #texts: string[] = [];
  /** Where the first text is; before it are those that were taken. */
  #head = 0;

  get size(): number {
    return this.#texts.length - this.#head;
  }

  push(text: string): void {
    this.#texts.push(text);
  }

  shift(): string | undefined {
    const text = this.#texts[this.#head];
    if (text === undefined) return undefined;
    this.#texts[this.#head++] = "";
    if (this.#head * 2 > this.#texts.length) {
      this.#texts = this.#texts.slice(this.#head);
      this.#head = 0;
    }
    return text;
  }

  first(limit: number): string[] {
    return this.#texts.slice(this.#head, this.#head + limit);
  }

  /** Gives how many there were. */
  clear(): number {
    const { size } = this;
    this.#texts = [];
    this.#head = 0;
    return size;
  }
}
