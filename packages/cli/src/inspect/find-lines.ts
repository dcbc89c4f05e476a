import { createReadStream } from "node:fs";
import { LineSplitter } from "./line-splitter.ts";

/** What a search gives: the numbers of the lines, and whether there are more of them. */
export interface Found {
  readonly lines: readonly number[];
  readonly isCut: boolean;
}

const maxFound = 5000;

/** The lines in the first `length` bytes of a file that hold a text, in any case of its letters. The file is read through, not held. */
export async function findLines(path: string, text: string, length: number, signal: AbortSignal): Promise<Found> {
  const wanted = text.toLowerCase();
  const splitter = new LineSplitter();
  const lines: number[] = [];
  for await (const chunk of createReadStream(path, { end: length - 1, highWaterMark: 1024 * 1024, signal })) {
    for (const line of splitter.push(Buffer.from(chunk))) {
      if (line.text?.toLowerCase().includes(wanted)) lines.push(line.number);
      if (lines.length > maxFound) return { lines: lines.slice(0, maxFound), isCut: true };
    }
  }
  if (splitter.open?.text?.toLowerCase().includes(wanted)) lines.push(splitter.open.number);
  return { lines, isCut: false };
}
