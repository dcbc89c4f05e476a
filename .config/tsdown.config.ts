import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { defineConfig } from "tsdown";
import { publicPackages } from "./public-packages.mjs";

export default defineConfig(
  publicPackages().map(({ name, folder, doors, commands, workers, hasPage }) => ({
    name,
    cwd: folder,
    entry: [...doors.map(({ source }) => source), ...commands, ...workers],
    format: "esm" as const,
    // What is published must not lean on one runtime; a package that needs Node's modules imports `node:…`.
    platform: "neutral" as const,
    deps: { neverBundle: [/^node:/] },
    target: "es2023",
    dts: true,
    sourcemap: true,
    // `.js`, not `.mjs`: the packages are ESM only.
    fixedExtension: false,
    report: false,
    logLevel: "warn" as const,
    ...(hasPage && { hooks: { "build:done": () => buildPage(folder) } }),
  })),
);

/** By the package's own Vite, in a process of its own: both tools bring a bundler. */
function buildPage(folder: string): void {
  execFileSync(process.execPath, [join(folder, "node_modules/vite/bin/vite.js"), "build"], {
    cwd: folder,
    stdio: "inherit",
  });
}
