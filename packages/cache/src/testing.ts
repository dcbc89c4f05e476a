/**
 * The suite that every cache passes, for those who write one.
 *
 * @module
 */
export { type CacheConformanceCheck, type CacheConformanceOptions, cacheConformance } from "./testing/conformance.ts";
