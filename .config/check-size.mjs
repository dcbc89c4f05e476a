// @ts-check
// What `import "millrace"` loads, as a bundler ships it: minified, gzipped, partial-json included. What is loaded
// later, by those who use it, is counted apart: the loop with the first run, budgets, debug output …
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const limit = 15_000;

const bundle = await rolldown({
  input: "packages/core/dist/index.js",
  external: ["@cfworker/json-schema", "js-tiktoken", /^js-tiktoken\//, /^zod/],
});
const { output } = await bundle.generate({ format: "esm", minify: true });
const chunks = new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file]] : [])));
/** @type {Set<string>} */
const atOnce = new Set();
for (const chunk of chunks.values()) if (chunk.isEntry) follow(chunk.fileName);

const size = sizeOf((name) => atOnce.has(name));
const later = sizeOf((name) => !atOnce.has(name));
console.log(`import "millrace": ${size} bytes gzipped of ${limit}; loaded when used: ${later} more`);
if (size > limit) process.exitCode = 1;

/** @param {string} name */
function follow(name) {
  if (atOnce.has(name)) return;
  atOnce.add(name);
  for (const imported of chunks.get(name)?.imports ?? []) if (chunks.has(imported)) follow(imported);
}

/** @param {(name: string) => boolean} isCounted */
function sizeOf(isCounted) {
  const counted = [...chunks.values()].filter(({ fileName }) => isCounted(fileName));
  return gzipSync(counted.map(({ code }) => code).join("\n")).length;
}
