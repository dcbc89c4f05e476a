export { checkChatRequest } from "./check-chat.ts";
export { checkMessagesRequest } from "./check-messages.ts";
export { checkResponsesRequest } from "./check-responses.ts";
export type { SimulatedQuestion, SimulatedResult } from "./decide.ts";
export type { Fault } from "./faults.ts";
export type { JsonObject } from "./json.ts";
export { type Simulator, type SimulatorOptions, startSimulator } from "./server.ts";
