import { existsSync, readFileSync } from "node:fs";
import { type DefaultTheme, defineConfig } from "vitepress";

/** TypeDoc writes the sidebar of the reference next to it. */
function apiSidebar(): DefaultTheme.SidebarItem[] {
  const file = new URL("../api/typedoc-sidebar.json", import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
}

export default defineConfig({
  title: "Millrace",
  description: "An SDK for LLM agents in which the event stream is the agent",
  cleanUrls: true,
  themeConfig: {
    search: { provider: "local" },
    nav: [{ text: "API", link: "/api/" }],
    sidebar: { "/api/": apiSidebar() },
    socialLinks: [{ icon: "github", link: "https://github.com/millrace-sdk/millrace" }],
  },
});
