import { expect, it, vi } from "vitest";
import { tallyFor } from "./token-tally.ts";

vi.mock("js-tiktoken/lite", () => {
  throw new Error("Cannot find package 'js-tiktoken'");
});

it("says what to install for an accurate count", async () => {
  await expect(tallyFor("accurate", { provider: "p", id: "m" })).rejects.toThrow(
    'context.count: "accurate" needs the package js-tiktoken: npm install js-tiktoken',
  );
});

it("counts files by what is in them, and images by how they are looked at", async () => {
  const tally = await tallyFor("simple", { provider: "p", id: "m" });
  const data = btoa("x".repeat(400));
  expect(tally.part({ type: "image", data, mediaType: "image/png" })).toBe(1000);
  expect(tally.part({ type: "image", data, mediaType: "image/png", detail: "low" })).toBe(100);
  expect(tally.part({ type: "file", data, mediaType: "text/plain" })).toBeGreaterThanOrEqual(100);
  expect(tally.part({ type: "file", data, mediaType: "text/plain" })).toBeLessThan(105);
  expect(tally.part({ type: "file", url: `data:text/csv;base64,${data}` })).toBeLessThan(120);
  expect(tally.part({ type: "file", data: "A".repeat(400_000), mediaType: "application/pdf" })).toBe(6000);
  expect(tally.part({ type: "file", fileId: "f1" })).toBe(1000);
});
