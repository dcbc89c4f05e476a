import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ServerSentEvent, SseParser } from "./sse.ts";

const encoder = new TextEncoder();

/** Parses `bytes` in pieces that end at the given places. */
function parse(bytes: Uint8Array, cuts: readonly number[] = []): ServerSentEvent[] {
  const parser = new SseParser();
  const places = [...cuts, bytes.length];
  const events = places.flatMap((to, index) => parser.push(bytes.subarray(places[index - 1] ?? 0, to)));
  return [...events, ...parser.end()];
}

function dataOf(text: string, cuts?: readonly number[]): string[] {
  return parse(encoder.encode(text), cuts).map(({ data }) => data);
}

describe("SseParser", () => {
  const cases: Record<string, [text: string, events: Partial<ServerSentEvent>[]]> = {
    "line feeds": ["data: a\n\ndata: b\n\n", [{ data: "a" }, { data: "b" }]],
    "carriage returns with line feeds": ["data: a\r\n\r\ndata: b\r\n\r\n", [{ data: "a" }, { data: "b" }]],
    "carriage returns": ["data: a\r\rdata: b\r\r", [{ data: "a" }, { data: "b" }]],
    "line ends of every kind in one stream": [
      "data: a\r\n\ndata: b\r\r\ndata: c\n\r",
      ["a", "b", "c"].map((data) => ({ data })),
    ],
    "a byte order mark": ["\uFEFFdata: a\n\n", [{ data: "a" }]],
    comments: [": keep-alive\n\ndata: a\n: in between\ndata: b\n\n", [{ data: "a\nb" }]],
    "several data lines": ["data: a\ndata:\ndata: c\n\n", [{ data: "a\n\nc" }]],
    "data without a colon": ["data\n\n", [{ data: "" }]],
    "data without a space": ["data:a\n\n", [{ data: "a" }]],
    "only the first space taken away": ["data:  a \n\n", [{ data: " a " }]],
    "names and ids": [
      "event: add\nid: 7\ndata: a\n\ndata: b\n\n",
      [
        { event: "add", id: "7", data: "a" },
        { event: "", id: "7", data: "b" },
      ],
    ],
    "fields that it does not know": ["retry: 5\ndatas: x\nDATA: y\ndata: a\n\n", [{ data: "a" }]],
    "an event without data": ["event: ping\n\ndata: a\n\n", [{ event: "", data: "a" }]],
    "colons in the data": ['data: {"a":"b: c"}\n\n', [{ data: '{"a":"b: c"}' }]],
    "an end without a blank line": ["data: a\n\ndata: b\n", [{ data: "a" }, { data: "b" }]],
    "an end within a line": ["data: a\n\ndata: b", [{ data: "a" }, { data: "b" }]],
    "an end between carriage return and line feed": ["data: a\r\n\r", [{ data: "a" }]],
    nothing: ["", []],
  };
  for (const [name, [text, events]] of Object.entries(cases)) {
    it(`reads ${name}, split at every byte`, () => {
      const bytes = encoder.encode(text);
      const expected = parse(bytes);
      expect(expected).toEqual(events.map((event) => ({ event: "", id: "", ...event })));
      for (let cut = 0; cut <= bytes.length; cut++) expect(parse(bytes, [cut])).toEqual(expected);
      expect(parse(bytes, [...bytes.keys()])).toEqual(expected);
    });
  }

  it("reads characters that are cut within their bytes", () => {
    const text = "data: grüße 日本語 👩‍👩‍👧 \u{10FFFF}\n\n";
    const bytes = encoder.encode(text);
    expect(dataOf(text, [...bytes.keys()])).toEqual(["grüße 日本語 👩‍👩‍👧 \u{10FFFF}"]);
  });

  it("reads on after bytes that are not UTF-8", () => {
    const bytes = Uint8Array.from([...encoder.encode("data: a"), 0xff, 0xc3, ...encoder.encode("\n\ndata: b\n\n")]);
    expect(parse(bytes).map(({ data }) => data)).toEqual(["a\uFFFD\uFFFD", "b"]);
  });

  it("reads any stream alike, however it is cut", () => {
    const line = fc.constantFrom(
      "data: a",
      "data:",
      "data: é👍",
      ": c",
      "event: e",
      "id: 1",
      "",
      "",
      "x",
      "data: [1,2]",
    );
    const end = fc.constantFrom("\n", "\r", "\r\n");
    fc.assert(
      fc.property(fc.array(fc.tuple(line, end)), fc.array(fc.nat(400)), (lines, cuts) => {
        const bytes = encoder.encode(lines.flat().join(""));
        const places = cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b);
        expect(parse(bytes, places)).toEqual(parse(bytes));
      }),
    );
  });

  it("looks at each character of a giant line once, in however small pieces it comes", () => {
    const parser = new SseParser();
    const piece = encoder.encode("x".repeat(64));
    const pieces = 100_000;
    parser.push(encoder.encode("data: "));
    for (let count = 0; count < pieces; count++) expect(parser.push(piece).length).toBe(0);
    const [event] = parser.push(encoder.encode("\n\n"));
    expect(event?.data.length).toBe(64 * pieces);
  });

  it("refuses a line without an end", () => {
    const parser = new SseParser();
    const piece = new Uint8Array(16 * 1024 * 1024).fill(120);
    expect(() => {
      for (let count = 0; count < 10; count++) parser.push(piece);
    }).toThrow(RangeError);
  });
});
