import { describe, expect, it } from "vitest";
import { CallIds } from "./call-ids.ts";

describe("CallIds", () => {
  it("keeps an id that fits", () => {
    const ids = new CallIds({ maxLength: 40 });
    expect(ids.begin("functions.weather:0")).toBe("functions.weather:0");
    expect(ids.of("functions.weather:0")).toBe("functions.weather:0");
  });

  it("shortens one that is too long, always in the same way", () => {
    const long = "toolu_vrtx_".repeat(20);
    const [a, b] = [new CallIds({ maxLength: 40 }), new CallIds({ maxLength: 40 })];
    const id = a.begin(long);
    expect(id.length).toBeLessThanOrEqual(40);
    expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
    expect(a.of(long)).toBe(id);
    expect(b.begin(long)).toBe(id);
    expect(b.begin(`${long}x`)).not.toBe(id);
    expect(new CallIds({ maxLength: 40 }).begin(long, true)).toBe(long);
  });

  it("tells calls of the same id in different turns apart", () => {
    const ids = new CallIds({ maxLength: 40 });
    const first = ids.begin("call_0");
    expect(ids.of("call_0")).toBe(first);
    const second = ids.begin("call_0");
    expect(second).not.toBe(first);
    expect(ids.of("call_0")).toBe(second);
  });

  it("fits a server that takes one form only", () => {
    const ids = new CallIds({ maxLength: 9, exact: true });
    expect(ids.begin("gRgYUmPLP")).toBe("gRgYUmPLP");
    expect(ids.begin("call_1")).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(ids.of("call_1")).toMatch(/^[a-zA-Z0-9]{9}$/);
  });
});
