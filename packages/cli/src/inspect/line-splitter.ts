/** A line of a file, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** In bytes, without the line feed. */
  readonly length: number;
  /** Undefined for a line that is too long to be read. */
  readonly text: string | undefined;
}

/** No line of a run is as long, unless it holds many images or is no run's. */
const maxLineBytes = 64 * 1024 * 1024;

/** Cuts a file into lines as it is read. Bytes, not characters, so that each line can be found again. */
export class LineSplitter {
  #number = 1;
  #offset = 0;
  /** The line that has no end yet. */
  #open: Buffer[] = [];
  #openLength = 0;

  /** Takes the next bytes, which must not be changed afterwards; gives the lines that end in them. */
  push(bytes: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#keep(bytes.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
    return lines;
  }

  /** The line that has no end yet, as far as it is there. */
  get open(): Line | undefined {
    return this.#openLength > 0 ? this.#line() : undefined;
  }

  #keep(bytes: Buffer): void {
    this.#openLength += bytes.length;
    if (bytes.length === 0) return;
    if (this.#openLength > maxLineBytes) this.#open = [];
    else this.#open.push(bytes);
  }

  #take(): Line {
    const line = this.#line();
    this.#number++;
    this.#offset += this.#openLength + 1;
    this.#open = [];
    this.#openLength = 0;
    return line;
  }

  #line(): Line {
    const isTooLong = this.#openLength > maxLineBytes;
    const text = isTooLong ? undefined : Buffer.concat(this.#open).toString("utf8");
    return { number: this.#number, offset: this.#offset, length: this.#openLength, text };
  }
}
