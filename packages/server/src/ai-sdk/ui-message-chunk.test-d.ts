import type { UIMessageChunk as UIMessageChunk7 } from "ai";
import type { UIMessageChunk as UIMessageChunk5 } from "ai5";
import type { UIMessageChunk as UIMessageChunk6 } from "ai6";
import { expectTypeOf, it } from "vitest";
import type { UIMessageChunk } from "./ui-message-chunk.ts";

it("is what clients of all versions read", () => {
  expectTypeOf<UIMessageChunk>().toExtend<UIMessageChunk5>();
  expectTypeOf<UIMessageChunk>().toExtend<UIMessageChunk6>();
  expectTypeOf<UIMessageChunk>().toExtend<UIMessageChunk7>();
});
