import { defineConfig } from "tsdown";
import { publicPackages } from "./public-packages.mjs";

export default defineConfig(
  publicPackages().map(({ name, folder, doors }) => ({
    name,
    cwd: folder,
    entry: doors.map(({ source }) => source),
    format: "esm" as const,
    // What is published must not lean on one runtime; a package that needs Node's modules imports `node:…`.
    platform: "neutral" as const,
    target: "es2023",
    dts: true,
    sourcemap: true,
    // `.js`, not `.mjs`: the packages are ESM only.
    fixedExtension: false,
    report: false,
    logLevel: "warn" as const,
  })),
);
