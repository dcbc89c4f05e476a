import { expectTypeOf, test } from "vitest";
import type { z } from "zod";
import type { AgentEvent, EventOf } from "./events.ts";
import type { Message } from "./messages.ts";
import type { agentEventSchema, EventJson, JsonForm, messageSchema } from "./schema.ts";

// That the schemas say neither more nor less than these types is checked where they are made.
test("the schemas give the types of the union", () => {
  expectTypeOf<z.infer<typeof agentEventSchema>>().toEqualTypeOf<EventJson>();
  expectTypeOf<z.infer<typeof messageSchema>>().toEqualTypeOf<Message>();
});

test("an event is its own JSON but for errors and what may be missing", () => {
  expectTypeOf<AgentEvent["type"]>().toEqualTypeOf<EventJson["type"]>();
  expectTypeOf<EventOf<"text-delta">>().toExtend<JsonForm<EventOf<"text-delta">>>();
  expectTypeOf<JsonForm<EventOf<"text-delta">>>().toExtend<EventOf<"text-delta">>();
  expectTypeOf<JsonForm<EventOf<"message-added">>>().toExtend<EventOf<"message-added">>();
});
