/** A shorter key is a stand-in for one, and could stand anywhere. */
const leastSecret = 8;

/**
 * A text, or parsed JSON, without the `secret` that a server or a client may have quoted in it: keys of compatible
 * servers have no form by which they could be known.
 */
export function withoutSecret<Value>(value: Value, secret: string | undefined): Value {
  if (secret === undefined || secret.length < leastSecret || value === undefined) return value;
  return JSON.parse(JSON.stringify(value).replaceAll(JSON.stringify(secret).slice(1, -1), "…"));
}
