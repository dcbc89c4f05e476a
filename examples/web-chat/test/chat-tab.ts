import type { BrowserContext, Locator, Page } from "playwright-core";

/** The page in a tab, as a person sees it. */
export class ChatTab {
  readonly page: Page;
  /** What a console with a red line in it says. */
  readonly problems: string[] = [];
  /** The requests that were sent, such as `POST /api/chat`. */
  readonly requests: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.problems.push(message.text());
    });
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("request", (request) => this.requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  }

  static async open(context: BrowserContext, url: string): Promise<ChatTab> {
    const tab = new ChatTab(await context.newPage());
    await tab.page.goto(url);
    await tab.field.waitFor();
    return tab;
  }

  get field(): Locator {
    return this.page.getByLabel("Message", { exact: true });
  }

  get answers(): Locator {
    return this.page.getByRole("article", { name: "Assistant" });
  }

  get cards(): Locator {
    return this.page.getByRole("region", { name: /^Tool / });
  }

  get stop(): Locator {
    return this.page.getByRole("button", { name: "Stop" });
  }

  async ask(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
    await this.begins();
  }

  /** Waits until an answer is being written. */
  async begins(): Promise<void> {
    await this.page.locator("[role=log][aria-busy=true]").waitFor();
  }

  /** Waits until the text is there, while the answer is still being written. */
  async seesArriving(text: string | RegExp): Promise<void> {
    await this.page.locator("[role=log][aria-busy=true]").getByText(text).first().waitFor();
  }

  /** Waits for the end of the answer, and says how it ended. */
  async ended(): Promise<string> {
    const status = this.page.getByRole("status").filter({ hasText: /complete|stopped|failed/ });
    await status.waitFor({ state: "attached" });
    return (await status.textContent()) ?? "";
  }

  /** What the conversation shows, one text for each message. */
  async said(): Promise<string[]> {
    return this.page.getByRole("article").allInnerTexts();
  }

  /** Collects the texts that an element has, one after the other; gives the function that tells them. */
  async watch(selector: string): Promise<() => Promise<string[]>> {
    const texts = await this.page.evaluateHandle((watched) => {
      const seen: string[] = [];
      new MutationObserver(() => {
        const text = document.querySelector(watched)?.textContent;
        if (text && text !== seen.at(-1)) seen.push(text);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
      return seen;
    }, selector);
    return () => texts.jsonValue();
  }

  /** What has the focus, by its name, and how that is shown. The page itself has no name. */
  focused(): Promise<{ name: string; outline: string }> {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return { name: "", outline: "" };
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const name = element.getAttribute("aria-label") ?? element.textContent?.trim() ?? "";
      return { name, outline: `${outlineStyle} ${outlineWidth}` };
    });
  }

  /** Presses Tab until what has this name has the focus; gives the names that it came by. */
  async tabTo(name: string): Promise<string[]> {
    const names: string[] = [];
    while (names.at(-1) !== name) {
      if (names.length > 30) throw new Error(`there is no ${name} among ${names.join(", ")}`);
      await this.page.keyboard.press("Tab");
      const focused = await this.focused();
      names.push(focused.name);
      if (focused.name !== "" && !/^solid [23]px$/.test(focused.outline)) {
        throw new Error(`the focus of ${focused.name} cannot be seen: its outline is ${focused.outline}`);
      }
    }
    return names;
  }
}
