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
  }

  /** Waits until the text is there, while the answer is still being written. */
  async seesArriving(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
    await this.stop.waitFor({ timeout: 100 });
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
}
