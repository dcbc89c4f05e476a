import { existsSync, readdirSync } from "node:fs";
import { defineConfig } from "vitest/config";

const packages = readdirSync("packages").filter((name) => existsSync(`packages/${name}/package.json`));
const tested = [
  ...packages.map((name) => ({ name, root: `packages/${name}` })),
  { name: "web-chat", root: "examples/web-chat" },
];

export default defineConfig({
  // Tests see the TypeScript sources of the packages here, not their dist. Node takes these conditions too: under "module",
  // which is for bundlers, some packages hold what it cannot load.
  ssr: { resolve: { conditions: ["@millrace/source", "node"] } },
  // So do those in jsdom, as a browser would.
  resolve: { conditions: ["@millrace/source", "module", "browser"] },
  test: {
    projects: tested.map(({ name, root }) => ({
      extends: true as const,
      test: {
        name,
        root,
        include: ["{src,test}/**/*.test.ts"],
        typecheck: {
          enabled: true,
          include: ["{src,test}/**/*.test-d.ts"],
          tsconfig: "../../tsconfig.json",
          // The sources are checked by a step of their own.
          ignoreSourceErrors: true,
        },
      },
    })),
  },
});
