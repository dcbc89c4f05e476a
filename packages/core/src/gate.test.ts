import { describe, expect, it } from "vitest";
import { Gate } from "./gate.ts";

const never = new Promise<never>(() => {});

describe("Gate", () => {
  it("lets through what comes first", async () => {
    const gate = new Gate();
    expect(await gate.wait(Promise.resolve(1))).toBe(1);
    await expect(gate.wait(Promise.reject(new Error("own")))).rejects.toThrow("own");
  });

  it("cuts the present wait and all later ones when it is closed, with the first reason", async () => {
    const gate = new Gate();
    const waiting = gate.wait(never);
    gate.close("first");
    gate.close("second");
    await expect(waiting).rejects.toBe("first");
    await expect(gate.wait(Promise.resolve(1))).rejects.toBe("first");
  });

  it("ignores what a promise that was not waited for any longer comes to", async () => {
    const gate = new Gate();
    let fail = (_: Error): void => {};
    const late = new Promise<void>((_, reject) => {
      fail = reject;
    });
    const waiting = gate.wait(late);
    gate.close("closed");
    fail(new Error("late"));
    await expect(waiting).rejects.toBe("closed");
    // An unhandled rejection would fail the whole test file.
    await new Promise((resolve) => setTimeout(resolve));
  });
});
