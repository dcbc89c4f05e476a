/**
 * The event log of `@millrace/server` in Redis.
 *
 * @module
 */
export { type RedisEventLogOptions, redisEventLog } from "./redis/redis-event-log.ts";
