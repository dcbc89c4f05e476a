import react from "@vitejs/plugin-react";
import { defineConfig, type UserConfig } from "vite";

/** The inspector's page, into the package's `dist`. */
const config: UserConfig = defineConfig({
  root: "src/page",
  base: "./",
  plugins: [react()],
  logLevel: "warn",
  build: {
    outDir: "../../dist/page",
    emptyOutDir: true,
    // Nothing inline: the page's security policy would refuse it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

export default config;
