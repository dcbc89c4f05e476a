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
  markdown: {
    config: (markdown) => {
      // `{{` in a page is a text: none needs Vue's interpolation, and doc comments know nothing of it.
      const { rules } = markdown.renderer;
      for (const name of ["text", "code_inline"] as const) {
        const render = rules[name];
        if (render) rules[name] = (...args) => render(...args).replaceAll("{{", "&#123;&#123;");
      }
    },
  },
  themeConfig: {
    search: { provider: "local" },
    nav: [{ text: "API", link: "/api/" }],
    sidebar: { "/api/": apiSidebar() },
    socialLinks: [{ icon: "github", link: "https://github.com/millrace-sdk/millrace" }],
  },
});
