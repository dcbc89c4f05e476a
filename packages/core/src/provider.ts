/**
 * The door for provider authors: the contract of a model, and what decoders and encoders share.
 *
 * @module
 */
export { argsJson } from "./args-json.ts";
export * from "./decode-response.ts";
export * from "./errors.ts";
export { withFinal } from "./final-of.ts";
export { checkMessages } from "./history.ts";
export { newId } from "./ids.ts";
export { isObject } from "./is-object.ts";
export * from "./message-builder.ts";
export * from "./messages.ts";
export * from "./model.ts";
export * from "./model-error.ts";
export { checkBaseURL, checkFields } from "./option-checks.ts";
export { type ParsedArgs, parseArgs } from "./parse-args.ts";
export * from "./sse.ts";
export * from "./usage.ts";
export { withoutSecret } from "./without-secret.ts";
