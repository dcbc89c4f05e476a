/**
 * AG-UI: what `HttpAgent`, and with it CopilotKit, reads and sends.
 *
 * @module
 */
export type { AGUIContentPart, AGUIEvent, AGUIMessage, AGUIUsage } from "./ag-ui/agui-event.ts";
export { agUI } from "./ag-ui/agui-protocol.ts";
export type { AGUIThreadOptions } from "./ag-ui/agui-thread.ts";
export { type AGUIRequest, fromAGUI } from "./ag-ui/from-agui.ts";
export { toAGUI, toAGUIResponse } from "./ag-ui/to-agui.ts";
export type { ChatProtocol, ChatRequest, ProtocolOptions } from "./protocol/chat-protocol.ts";
export type { ClientHistory } from "./protocol/client-history.ts";
export type { ResponseOptions } from "./to-sse.ts";
