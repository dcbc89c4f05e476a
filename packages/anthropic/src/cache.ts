import type { CacheControlEphemeral, MessageParam, TextBlockParam, Tool } from "@anthropic-ai/sdk/resources/messages";

/**
 * Prompt caching: `auto` (five minutes), a time to live, or `false`. A read costs a tenth of the input price, a write
 * a quarter more (`5m`) or twice as much (`1h`); prompts of fewer than about 1,000 tokens are not cached at all.
 */
export type CacheOption = "auto" | { readonly ttl: "5m" | "1h" } | false;

interface Cacheable {
  tools?: Tool[];
  system?: TextBlockParam[];
  messages: MessageParam[];
}

/**
 * Marks where the provider shall cache, with all of the four breakpoints that it allows: the last tool, the last block
 * of the system prompt, and the ends of the last two user messages: the newest is written, the one before is
 * read, also when more than 20 blocks (as far as the provider looks back) lie between them.
 */
export function markCache(request: Cacheable, cache: CacheOption): void {
  if (cache === false) return;
  const cache_control: CacheControlEphemeral = { type: "ephemeral", ...(cache !== "auto" && { ttl: cache.ttl }) };
  if (request.tools) markLast(request.tools, cache_control);
  if (request.system) markLast(request.system, cache_control);
  const users = request.messages.filter((message) => message.role === "user");
  for (const { content } of users.slice(-2)) {
    if (typeof content !== "string") markLast(content, cache_control);
  }
}

function markLast<Block extends object>(blocks: Block[], cache_control: CacheControlEphemeral): void {
  const last = blocks.at(-1);
  // A copy: the block may be shared with the history.
  if (last) blocks[blocks.length - 1] = { ...last, cache_control };
}
