import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig, type UserConfig } from "vite";

/** The inspector's page, into the package's `dist`. */
const config: UserConfig = defineConfig({
  root: "src/page",
  base: "./",
  plugins: [react()],
  logLevel: "warn",
  // Packages of this workspace from their sources: they need not be built before.
  resolve: { conditions: ["@millrace/source", ...defaultClientConditions] },
  build: {
    outDir: "../../dist/page",
    emptyOutDir: true,
    // Nothing inline: the page's security policy would refuse it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

export default config;
