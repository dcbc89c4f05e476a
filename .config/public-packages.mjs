// @ts-check
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../packages", import.meta.url));

/**
 * The packages that are published, each with its folder, its doors (the files that its `exports` name, by what is
 * written in an import), the sources of its commands, the files that it starts in threads of their own, and whether it
 * has a page that Vite builds.
 */
export function publicPackages() {
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .flatMap((folder) => {
      /** @type {{ name: string, private?: boolean, exports: Record<string, string | Record<string, string>>, bin?: Record<string, string> }} */
      const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (manifest.private) return [];
      const doors = Object.entries(manifest.exports).flatMap(([path, conditions]) => {
        const source = typeof conditions === "string" ? undefined : conditions["@millrace/source"];
        return source ? [{ name: manifest.name + path.slice(1), source: join(folder, source) }] : [];
      });
      const commands = Object.values(manifest.bin ?? {}).map((file) =>
        join(folder, file.replace("dist/", "src/").replace(/\.js$/, ".ts")),
      );
      const workers = readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" })
        .filter((file) => basename(file) === "worker.ts")
        .map((file) => join(folder, "src", file));
      const hasPage = existsSync(join(folder, "vite.config.ts"));
      return [{ name: manifest.name, folder, doors, commands, workers, hasPage }];
    });
}
