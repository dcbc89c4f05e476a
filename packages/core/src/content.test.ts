import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { file, fillTemplate, image, text, toBase64 } from "./content.ts";
import { ConfigError } from "./errors.ts";

describe("parts", () => {
  it("are made of URLs, of data URLs and of bytes", () => {
    expect(text("a")).toEqual({ type: "text", text: "a" });
    expect(image("https://x/a.png", { detail: "low" })).toEqual({
      type: "image",
      url: "https://x/a.png",
      detail: "low",
    });
    expect(image("data:image/gif;base64,R0lG")).toEqual({ type: "image", mediaType: "image/gif", data: "R0lG" });
    expect(image(Uint8Array.of(1, 2))).toEqual({ type: "image", mediaType: "image/png", data: "AQI=" });
    expect(file(Uint8Array.of(1, 2), { mediaType: "application/pdf", filename: "a.pdf" })).toEqual({
      type: "file",
      mediaType: "application/pdf",
      data: "AQI=",
      filename: "a.pdf",
    });
    expect(file("gs://bucket/a.pdf")).toEqual({ type: "file", url: "gs://bucket/a.pdf" });
  });

  it("refuse what is neither", () => {
    expect(() => image("cat.png")).toThrow(ConfigError);
    for (const source of [undefined, null, 7, {}, [1, 2]]) {
      expect(() => Reflect.apply(image, undefined, [source])).toThrow(ConfigError);
    }
    expect(() => file(Uint8Array.of(1))).toThrow(/mediaType/);
  });
});

describe("toBase64", () => {
  it("writes any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
      }),
    );
    const large = new Uint8Array(1_000_000).fill(7);
    expect(toBase64(large)).toBe(Buffer.from(large).toString("base64"));
  });
});

describe("fillTemplate", () => {
  const cat = image("https://x/cat.png");

  it("puts texts and parts into their places", () => {
    expect(fillTemplate("Hello {name}!", { name: "you" })).toEqual([text("Hello you!")]);
    expect(fillTemplate("See {cat} and {dog}.", { cat, dog: "a dog" })).toEqual([text("See"), cat, text("and a dog.")]);
    expect(fillTemplate("{both}", { both: [cat, text(" kept ")] })).toEqual([cat, text(" kept ")]);
    expect(fillTemplate("{a}{a}", { a: cat })).toEqual([cat, cat]);
    expect(fillTemplate("", {})).toEqual([]);
  });

  it("knows braces that stand for themselves", () => {
    expect(fillTemplate('{{"a": {n}}} } { {{n}}', { n: "1" })).toEqual([text('{"a": 1} } { {n}')]);
  });

  it("does not read what it has put in", () => {
    expect(fillTemplate("{a}", { a: "{b}", b: "no" })).toEqual([text("{b}")]);
  });

  it("names a value that is missing", () => {
    expect(() => fillTemplate("{name}", {})).toThrow(/\{name\}/);
    expect(() => fillTemplate("{toString}", {})).toThrow(ConfigError);
  });

  it("keeps any text without braces", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const escaped = value.replaceAll("{", "{{").replaceAll("}", "}}");
        expect(
          fillTemplate(escaped, {})
            .map((part) => part.type === "text" && part.text)
            .join(""),
        ).toBe(value.trim());
      }),
    );
  });
});

describe("fillTemplate in steps", () => {
  it("leaves names without a value where it is asked to", () => {
    expect(fillTemplate("{a} and {b}", { a: "one" }, { partial: true })).toEqual([
      { type: "text", text: "one and {b}" },
    ]);
    expect(() => fillTemplate("{a} and {b}", { a: "one" })).toThrow("{b}");
  });
});
