import { describe, expectTypeOf, it } from "vitest";
import type { AgentEvent, BudgetExceeded, EventOf, Final, RunInfo, ToolCallStart } from "./events.ts";
import type { Hooks } from "./hooks.ts";

describe("the names and events of hooks", () => {
  it("are derived from the events", () => {
    expectTypeOf<Parameters<NonNullable<Hooks["onToolCallStart"]>>>().toEqualTypeOf<[ToolCallStart]>();
    expectTypeOf<Parameters<NonNullable<Hooks["onBudgetExceeded"]>>>().toEqualTypeOf<[BudgetExceeded]>();
    expectTypeOf<Parameters<NonNullable<Hooks["onFinal"]>>>().toEqualTypeOf<[Final]>();
    expectTypeOf<Parameters<NonNullable<Hooks["onEvent"]>>>().toEqualTypeOf<[AgentEvent]>();
    expectTypeOf<Parameters<NonNullable<Hooks["onTextDelta"]>>>().toEqualTypeOf<[EventOf<"text-delta">]>();
    expectTypeOf<EventOf<"message-added">["run"]>().toEqualTypeOf<RunInfo>();
    // @ts-expect-error there is no such hook
    const wrong: Hooks = { onToolCallEnded: () => {} };
    void wrong;
  });

  it("are one for each event, and two more", () => {
    expectTypeOf<keyof Hooks>().toEqualTypeOf<
      | "onRunStart"
      | "onTurnStart"
      | "onTextDelta"
      | "onReasoningDelta"
      | "onRefusalDelta"
      | "onToolCallDelta"
      | "onObjectDelta"
      | "onProviderTool"
      | "onSource"
      | "onFileOutput"
      | "onMessageAdded"
      | "onToolCallStart"
      | "onToolProgress"
      | "onSubAgent"
      | "onToolResult"
      | "onToolError"
      | "onTurnEnd"
      | "onRetry"
      | "onModelSwitched"
      | "onContextOverflow"
      | "onMessagesDropped"
      | "onBudgetExceeded"
      | "onMaxTurnsReached"
      | "onStopped"
      | "onFinal"
      | "onEvent"
      | "onHookError"
    >();
  });
});
