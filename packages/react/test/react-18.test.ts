// @vitest-environment jsdom
import "./react-18.ts";
import { version } from "react";
import { version as domVersion } from "react-dom";
import { expect, test } from "vitest";

test("what follows runs with React 18", () => {
  expect(version).toMatch(/^18\./);
  expect(domVersion).toMatch(/^18\./);
});

await import("../src/use-chat.test.ts");
