import { existsSync, readFileSync } from "node:fs";
import { type DefaultTheme, defineConfig } from "vitepress";

/** The pages that exist, in this order, under their own headings. */
function pages(...names: string[]): DefaultTheme.SidebarItem[] {
  return names.flatMap((name) => {
    const file = new URL(`../${name}.md`, import.meta.url);
    const heading = existsSync(file) && /^# (.+)$/m.exec(readFileSync(file, "utf8"))?.[1];
    return heading ? [{ text: heading, link: `/${name}` }] : [];
  });
}

/** TypeDoc writes the sidebar of the reference next to it. */
function referenceSidebar(): DefaultTheme.SidebarItem[] {
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
    nav: [
      { text: "Guide", link: "/guide/getting-started", activeMatch: "^/guide/" },
      { text: "Reference", link: "/api/", activeMatch: "^/api/" },
    ],
    sidebar: {
      "/api/": referenceSidebar(),
      "/": [
        {
          text: "Agents",
          items: pages(
            "guide/getting-started",
            "guide/agents-and-runs",
            "guide/events",
            "guide/tools",
            "guide/structured-output",
            "guide/chats-and-history",
            "guide/sub-agents",
            "guide/hooks",
          ),
        },
        {
          text: "In production",
          items: pages(
            "guide/stopping-and-cuts",
            "guide/context",
            "guide/budgets",
            "guide/reliability",
            "guide/errors",
            "guide/tracing",
            "guide/performance",
          ),
        },
        {
          text: "On the wire",
          items: pages("guide/server", "guide/client", "guide/react", "guide/web-chat", "guide/protocols"),
        },
        {
          text: "Many agents",
          items: pages("guide/graph", "guide/graph-conditions", "guide/ensemble", "guide/cache"),
        },
        {
          text: "Tools for developers",
          items: pages("guide/testing", "guide/inspector", "guide/terminal-chat"),
        },
        {
          text: "Models",
          items: pages("guide/providers", "guide/openai", "guide/anthropic", "guide/writing-a-provider"),
        },
        {
          text: "Background",
          items: pages(
            "design",
            "coming-from-agentools",
            "coming-from-asyncagentic",
            "coming-from-miniagents",
            "coming-from-asimov",
          ),
        },
      ],
    },
    socialLinks: [{ icon: "github", link: "https://github.com/millrace-sdk/millrace" }],
  },
});
