/** Where two plain values differ. */
export interface Difference {
  path: string;
  left: unknown;
  right: unknown;
}

/** The first place where two plain values differ; undefined where they are alike. Absent and undefined are the same. */
export function firstDifference(left: unknown, right: unknown, path = ""): Difference | undefined {
  if (Object.is(left, right)) return undefined;
  if (!isObject(left) || !isObject(right) || Array.isArray(left) !== Array.isArray(right)) return { path, left, right };
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const place = Array.isArray(left) ? `${path}[${key}]` : `${path}.${key}`;
    const difference = firstDifference(Reflect.get(left, key), Reflect.get(right, key), place);
    if (difference) return difference;
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
