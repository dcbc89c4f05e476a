import fc from "fast-check";
import { expect, test } from "vitest";
import { readMessages, type WrittenMessage, writeMessage } from "./markdown-dialog.ts";

const line = fc.constantFrom(
  ...["user", "assistant / gpt-5", "# user", "# system / x #", "====", " ===", "\\===", "\\\\====", "\\# user"],
  ...["```", "````js", "~~~", "\\```", "``` `x`", "   ```", "    ===", "# A title", "Title", "", " ", "user\r", "ü 🦀"],
);
const text = fc.oneof(
  fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n")),
  fc.string({ unit: "grapheme" }),
);
const message: fc.Arbitrary<WrittenMessage> = fc.record({
  role: fc.constantFrom("system", "user", "assistant"),
  model: fc.option(fc.stringMatching(/^[a-z0-9./:-]{1,12}$/), { nil: undefined }),
  text,
});

/** Blank lines around a text are not kept. */
function stripped(given: string): string {
  const lines = given.split("\n");
  while (lines.length > 0 && lines[0]?.trim() === "") lines.shift();
  while (lines.length > 0 && lines.at(-1)?.trim() === "") lines.pop();
  return lines.join("\n");
}

test("what was written is read again, whatever it says", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      const read = readMessages(messages.map(writeMessage).join(""));
      expect(read).toEqual(
        messages.map(({ role, model, text }) => ({ role, ...(model && { model }), text: stripped(text) })),
      );
    }),
    { numRuns: 2000 },
  );
});

test("a message is a heading and its text", () => {
  expect(writeMessage({ role: "user", text: "Hi\n\n# Title" })).toBe(`\nuser\n${"=".repeat(40)}\nHi\n\n# Title\n`);
  expect(writeMessage({ role: "assistant", model: "m-1", text: "Ho" })).toBe(
    `\nassistant / m-1\n${"=".repeat(40)}\nHo\n`,
  );
});

test("people may write the file in their own way", () => {
  const read = readMessages(
    [
      "Notes before it all",
      "# user",
      "",
      "First",
      "Second",
      "===",
      "```",
      "user",
      "===",
      "```",
      "assistant/ some-model ",
      "=",
      "> user",
      "# Other",
      "text",
      "system",
      "===",
      "",
      "system",
      "====",
      "An end",
    ].join("\n"),
  );
  expect(read).toEqual([
    { role: "user", text: "First\nSecond\n===\n```\nuser\n===\n```" },
    // Not a heading of its own: the line before belongs to it.
    { role: "assistant", model: "some-model", text: "> user\n# Other\ntext\nsystem\n===" },
    { role: "system", text: "An end" },
  ]);
});
