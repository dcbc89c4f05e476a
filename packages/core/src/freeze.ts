/** Freezes a plain value to its depth. What is frozen already is not walked again. */
export function deepFreeze<T>(value: T): T {
  const stack: unknown[] = [value];
  while (stack.length > 0) {
    const top = stack.pop();
    if (typeof top !== "object" || top === null || Object.isFrozen(top) || ArrayBuffer.isView(top)) continue;
    Object.freeze(top);
    for (const child of Object.values(top)) if (typeof child === "object") stack.push(child);
  }
  return value;
}

/** A copy of a JSON value that may be changed. Several times as quick as `structuredClone`, which knows far more. */
export function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: Record<string, unknown> = {};
  // Assigning `__proto__` would replace the copy's prototype.
  for (const key in value) if (key !== "__proto__") copy[key] = copyOf(Reflect.get(value, key));
  return copy;
}
