/**
 * The cache in Redis.
 *
 * @module
 */
export { RedisCache, type RedisCacheOptions } from "./redis/redis-cache.ts";
