import { expect, it } from "vitest";
import { LineSplitter } from "./line-splitter.ts";
import { RowReader } from "./row-reader.ts";
import { addRow, type Row } from "./rows.ts";

const text = `{"type":"text-delta","text":"Só 💧","at":1,"run":{"id":"r","agentName":"a"}}
{"type":"text-delta","text":" here","at":2}

{"type":"sub-agent","callId":"c1","event":{"type":"turn-start","run":{"id":"inner","agentName":"b"}}}
{"type":"sub-agent","callId":"c1","event":{"type":"text-delta","text":"in"}}
not JSON
{"type":"text-delta","text":"last"}
{"type":"cut`;
const bytes = Buffer.from(text);

function read(...cuts: number[]): { rows: Row[]; open: string | undefined } {
  const splitter = new LineSplitter();
  const reader = new RowReader();
  const rows: Row[] = [];
  for (const [index, start] of [0, ...cuts].entries()) {
    for (const line of splitter.push(bytes.subarray(start, cuts[index] ?? bytes.length))) {
      const row = reader.read(line);
      if (row) addRow(rows, row);
    }
  }
  return { rows, open: splitter.open?.text };
}

it("gives the same rows wherever the bytes of a file are cut", () => {
  const whole = read();
  expect(whole.open).toBe('{"type":"cut');
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect({ cut, ...read(cut) }).toEqual({ cut, ...whole });
    expect(read(cut, Math.min(cut + 3, bytes.length))).toEqual(whole);
  }
});

it("says whose event it is, joins deltas, names what is damaged, and where each row stands in the file", () => {
  const { rows } = read();
  expect(rows.map(({ line, lines, runId, type, path }) => [line, lines, runId, type, path.join()])).toEqual([
    [1, 2, "r", "text-delta", ""],
    [4, 1, "inner", "turn-start", "c1"],
    [5, 1, "inner", "text-delta", "c1"],
    [6, 1, "r", "(damaged)", ""],
    [7, 1, "r", "text-delta", ""],
  ]);
  expect(rows[0]).toMatchObject({ event: { text: "Só 💧 here" }, at: 1, until: 2 });
  expect(rows[3]?.problem).toMatch(/^not JSON: /);
  for (const { offset, length, lines } of rows) {
    const part = bytes.subarray(offset, offset + length).toString();
    expect(part.split("\n")).toHaveLength(lines);
    expect(text).toContain(part);
  }
});

it("cuts what is long, and keeps the small facts behind it", () => {
  const usage = { inputTokens: 5 };
  const line = JSON.stringify({ type: "final", history: "x".repeat(100_000), list: Array(500).fill("y"), usage });
  const row = new RowReader().read({ number: 1, offset: 0, length: line.length, text: line });
  expect(row).toMatchObject({ isCut: true, event: { usage } });
  expect(JSON.stringify(row).length).toBeLessThan(20_000);
});
