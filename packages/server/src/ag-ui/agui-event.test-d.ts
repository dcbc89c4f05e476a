import type { AGUIEvent as AGUIEvent1, Message } from "@ag-ui/core";
import type { Json, JsonObject } from "millrace";
import { expectTypeOf, it } from "vitest";
import type { AGUIEvent, AGUIMessage } from "./agui-event.ts";

/** Its own types name events by an enum, whose values are these words. */
type InWords<Event> = Event extends { type: infer Type extends string }
  ? Omit<Event, "type"> & { type: `${Type}` }
  : never;

/** Its own types allow changes to what has come, and take anything for JSON. */
type Mutable<T> = [Json] extends [T]
  ? unknown
  : [JsonObject] extends [T]
    ? Record<string, unknown>
    : T extends object
      ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
      : T;

it("is what clients read", () => {
  expectTypeOf<Mutable<Exclude<AGUIEvent, { type: "MESSAGES_SNAPSHOT" }>>>().toExtend<InWords<AGUIEvent1>>();
  expectTypeOf<Mutable<AGUIMessage>>().toExtend<Message>();
});
