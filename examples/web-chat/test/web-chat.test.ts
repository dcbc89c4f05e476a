import { findChromium, launchChromium } from "@millrace/fixtures";
import axe from "axe-core";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, describe, type TestContext, test } from "vitest";
import { buildPage, ChatServer } from "./chat-server.ts";
import { ChatTab } from "./chat-tab.ts";

const howItWorks = "How does this page follow a stream?";

if (!findChromium()) test.skip("skipped: there is no Chromium; install one, or name it in MILLRACE_CHROMIUM", () => {});

describe.runIf(findChromium())("the page", { timeout: 60_000, concurrent: true }, () => {
  let browser: Browser;
  let server: ChatServer;

  beforeAll(async () => {
    buildPage();
    server = new ChatServer();
    [browser] = await Promise.all([launchChromium(), server.start()]);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  /** A browser of its own for a test: a user of its own. At its end the console must be clean. */
  async function visit(context: TestContext, options: BrowserContextOptions = {}, url = server.url) {
    // Without motion: without a graphics card it costs more than all else.
    const usual = { viewport: { width: 1200, height: 800 }, reducedMotion: "reduce" } as const;
    const visitor = await browser.newContext({ ...usual, ...options });
    visitor.setDefaultTimeout(20_000);
    const tabs: ChatTab[] = [];
    context.onTestFinished(async () => {
      await visitor.close();
      context.expect(tabs.flatMap(({ problems }) => problems)).toEqual([]);
    });
    const openTab = async (at = url): Promise<ChatTab> => {
      const tab = await ChatTab.open(visitor, at);
      tabs.push(tab);
      return tab;
    };
    return { tab: await openTab(), openTab };
  }

  test("shows an answer as it comes, in Markdown, and what the model thought folded away", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    await tab.ask(howItWorks);
    await tab.seesArriving(/leads a stream/);
    const early = await tab.answers.innerText();
    expect(await tab.ended()).toBe("The answer is complete");
    expect((await tab.answers.innerText()).length).toBeGreaterThan(early.length);
    expect(await tab.answers.locator("ol > li").count()).toBe(3);
    expect(await tab.answers.locator("tbody tr").count()).toBe(3);
    expect(await tab.answers.locator("pre code").textContent()).toContain("for await (const event of agent.respond(");
    const thought = tab.page.getByText("The user says:");
    expect(await thought.isVisible()).toBe(false);
    await tab.page.getByText("Thoughts").click();
    expect(await thought.isVisible()).toBe(true);
  });

  test("shows raw HTML of a model as text, and loads no pictures of it", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    await tab.ask('Hello <b>you</b> <img src="/x.png" onerror="alert(1)"> ![a picture](/y.png)');
    await tab.ended();
    expect(await tab.answers.innerText()).toContain("<b>you</b>");
    expect(await tab.answers.locator("img, b").count()).toBe(0);
    expect(tab.requests.filter((request) => request.endsWith(".png"))).toEqual([]);
  });

  test("shows tools at work: progress, results, arguments that grow, a failure", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    await tab.ask("What is the forecast for Lisbon and Oslo?");
    const bar = tab.cards.first().getByRole("progressbar");
    await bar.waitFor();
    expect(await tab.cards.count()).toBe(2);
    await expect.poll(() => bar.getAttribute("value"), { timeout: 5000, interval: 20 }).toBe("2");
    expect(await tab.ended()).toBe("The answer is complete");
    expect(await bar.count()).toBe(0);
    expect(await tab.cards.allInnerTexts()).toEqual([
      expect.stringMatching(/Lisbon\s*Done/),
      expect.stringMatching(/Oslo\s*Done/),
    ]);
    await tab.cards.first().getByText("Get forecast").click();
    expect(await tab.cards.first().getByText('"day": "Saturday"').isVisible()).toBe(true);

    const grown = await tab.watch("[data-state=arriving] blockquote");
    const words = "Greetings from the mill! The stream runs high, the wheel turns day and night. ".repeat(3).trim();
    await tab.ask(`Write a postcard to Ada saying ${words}`);
    await tab.ended();
    expect(await tab.cards.nth(2).locator("blockquote").innerText()).toBe(words);
    const seen = await grown();
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.filter((text) => !words.startsWith(text))).toEqual([]);

    await tab.ask("Book a table for two at Casa Nova");
    await tab.cards.nth(3).getByText("Casa Nova has no table for 2 left tonight").waitFor();
    expect(await tab.ended()).toBe("The answer is complete");
    expect(await tab.cards.nth(3).getAttribute("data-state")).toBe("failed");
  });

  test("stops, and keeps what had arrived", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    await tab.ask(howItWorks);
    await tab.seesArriving(/leads a stream/);
    await tab.stop.click();
    expect(await tab.ended()).toBe("The answer was stopped");
    const kept = await tab.said();
    expect(kept[1]).toContain("leads a stream");
    expect(kept[1]).not.toContain("Try it");
    await tab.page.reload();
    expect(await tab.ended()).toBe("The answer was stopped");
    expect(await tab.said()).toEqual(kept);
    await tab.page.getByRole("button", { name: "Ask again" }).click();
    await tab.begins();
    expect(await tab.ended()).toBe("The answer is complete");
    expect(await tab.answers.last().innerText()).toContain("Try it");
  });

  test("goes on after a reload in the middle of an answer: nothing is lost, nothing comes twice", async (context) => {
    const { tab, openTab } = await visit(context);
    const { expect } = context;
    await tab.ask(howItWorks);
    await tab.seesArriving(/leads a stream/);
    await tab.page.reload();
    await tab.seesArriving(/leads a stream/);
    await tab.page.reload();
    expect(await tab.ended()).toBe("The answer is complete");
    const whole = await tab.said();
    expect(whole).toHaveLength(2);
    expect(whole[1]?.match(/leads a stream/g)).toHaveLength(1);
    expect(tab.requests.filter((request) => request === "POST /api/chat")).toHaveLength(1);
    // As one sees it who has never looked before.
    const later = await openTab(tab.page.url());
    await later.ended();
    expect(await later.said()).toEqual(whole);
  });

  test("is followed by a second tab, in both directions", async (context) => {
    const { tab, openTab } = await visit(context);
    const { expect } = context;
    await tab.ask("Hello");
    await tab.ended();
    const second = await openTab(tab.page.url());
    await second.ended();
    await second.field.fill("half a thought");
    await tab.ask(howItWorks);
    await second.seesArriving(/leads a stream/);
    expect(await second.field.inputValue()).toBe("half a thought");
    await Promise.all([tab.ended(), second.ended()]);
    expect(await second.said()).toEqual(await tab.said());
    await second.ask(howItWorks);
    await expect.poll(async () => (await tab.said()).length, { timeout: 5000 }).toBe(6);
    await tab.stop.click();
    await Promise.all([tab.ended(), second.ended()]);
    expect(await second.said()).toEqual(await tab.said());
  });

  test("says what went wrong, and tries again", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    await tab.ask("Tell me of the outage");
    const alert = tab.page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.innerText()).toContain("The server had an error");
    expect(await tab.answers.innerText()).toContain("The mill had to stop");
    await alert.getByRole("button", { name: "Try again" }).click();
    await tab.begins();
    expect(await tab.ended()).toBe("The answer is complete");
    expect(await tab.answers.last().innerText()).toContain("nothing of the conversation was lost");
  });

  test("outlives its server: what was cut is said, and the chat goes on", async (context) => {
    const own = new ChatServer();
    await own.start();
    const { tab, openTab } = await visit(context, {}, own.url);
    const { expect } = context;
    await tab.ask("Hello");
    await tab.ended();
    await tab.ask("What is the forecast for Lisbon?");
    await tab.cards.getByRole("progressbar").waitFor();
    await own.end("SIGKILL");
    await own.start();
    await tab.page.getByRole("alert").waitFor();
    expect(await tab.cards.innerText()).toMatch(/Cut off/);
    await tab.page.getByRole("button", { name: "Try again" }).click();
    await tab.begins();
    expect(await tab.ended()).toBe("The answer is complete");
    expect(await tab.answers.last().innerText()).toContain("Here is the outlook");
    // The connection was refused for a while.
    tab.problems.length = 0;

    const later = await openTab(tab.page.url());
    await later.ended();
    expect((await later.said()).map((text) => text.split("\n")[0])).toEqual(
      (await tab.said()).map((text) => text.split("\n")[0]),
    );
    expect(await later.cards.first().innerText()).toMatch(/Failed/);
    await own[Symbol.asyncDispose]();
  });

  test("keeps many chats: a list to open, rename and delete, for each user another", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    const list = tab.page.getByRole("navigation", { name: "Chats" });
    await tab.ask("Hello");
    await tab.ended();
    await list.getByRole("button", { name: "New chat" }).click();
    await tab.ask("Good evening");
    await tab.ended();
    await list.getByRole("link", { name: "Good evening" }).waitFor();
    expect(await list.getByRole("link").allInnerTexts()).toEqual(["Good evening", "Hello"]);
    await list.getByRole("link", { name: "Hello" }).click();
    await tab.page.getByRole("heading", { name: "Hello" }).waitFor();
    await tab.ended();
    expect((await tab.said())[0]).toBe("Hello");
    await tab.page.goBack();
    await tab.page.getByRole("heading", { name: "Good evening" }).waitFor();

    await list.getByRole("button", { name: "Rename Good evening" }).click();
    await tab.page.keyboard.type("At night\n");
    await list.getByRole("link", { name: "At night" }).waitFor();
    const { tab: stranger } = await visit(context, {}, tab.page.url());
    expect(await stranger.said()).toEqual([]);
    expect(await stranger.page.getByRole("navigation").getByRole("link").count()).toBe(0);

    tab.page.on("dialog", (dialog) => void dialog.accept());
    await list.getByRole("button", { name: "Delete At night" }).click();
    await list.getByRole("link", { name: "At night" }).waitFor({ state: "detached" });
    await tab.page.getByText("What shall we look into?").waitFor();
    await tab.page.reload();
    await list.getByRole("link", { name: "Hello" }).waitFor();
    expect(await list.getByRole("link").count()).toBe(1);
  });

  test("needs no mouse", async (context) => {
    const { tab } = await visit(context);
    const { expect } = context;
    const { keyboard } = tab.page;
    await tab.tabTo("Skip to the message box");
    const passed = await tab.tabTo("Message");
    expect(passed).toEqual(
      expect.arrayContaining(["New chat", "Dark colours", expect.stringContaining("Plan a weekend")]),
    );
    await tab.tabTo("Skip to the message box");
    await keyboard.press("Enter");
    await expect.poll(async () => (await tab.focused()).name).toBe("Message");
    await keyboard.type("How does this page");
    await keyboard.press("Shift+Enter");
    await keyboard.type("follow a stream?");
    expect(tab.requests).not.toContain("POST /api/chat");
    await keyboard.press("Enter");
    await tab.seesArriving(/leads a stream/);
    expect((await tab.said())[0]).toBe("How does this page\nfollow a stream?");
    await keyboard.press("Escape");
    expect(await tab.ended()).toBe("The answer was stopped");
    expect((await tab.focused()).name).toBe("Message");
  });

  test("fits a phone, with the list in a drawer", async (context) => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    const { tab } = await visit(context, phone);
    const { expect } = context;
    const fits = () => tab.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    await tab.ask(howItWorks);
    await tab.ended();
    expect(await fits()).toBe(true);
    const drawer = tab.page.getByRole("navigation", { name: "Chats" });
    expect(await drawer.isVisible()).toBe(false);
    await tab.page.getByRole("button", { name: "Chats" }).tap();
    await drawer.waitFor();
    expect(await tab.page.locator(".content").evaluate((content) => "inert" in content && content.inert)).toBe(true);
    await tab.page.keyboard.press("Escape");
    await drawer.waitFor({ state: "hidden" });
    await tab.page.getByRole("button", { name: "Chats" }).tap();
    await drawer.getByRole("button", { name: "New chat" }).tap();
    await drawer.waitFor({ state: "hidden" });
    await tab.page.getByText("What shall we look into?").waitFor();
    expect(await fits()).toBe(true);
  });

  test("is light or dark as the system is, or as it is chosen", async (context) => {
    const { tab } = await visit(context, { colorScheme: "dark" });
    const { expect } = context;
    const background = () => tab.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await background();
    await tab.page.getByRole("button", { name: "Light colours" }).click();
    await expect.poll(background).not.toBe(dark);
    const light = await background();
    expect(light).toMatch(/^rgb\(2\d\d, 2\d\d, 2\d\d\)$/);
    expect(dark).toMatch(/^rgb\(\d\d, \d\d, \d\d\)$/);
    await tab.page.reload();
    await tab.field.waitFor();
    expect(await background()).toBe(light);
    await tab.page.getByRole("button", { name: "Dark colours" }).click();
    await expect.poll(background).toBe(dark);
  });

  test.for([
    ["light", 1200],
    ["dark", 1200],
    ["light", 390],
  ] as const)("breaks no rule of accessibility (%s, %i pixels wide)", async ([colorScheme, width], context) => {
    const { tab } = await visit(context, { colorScheme, viewport: { width, height: 800 } });
    const { expect } = context;
    const check = async () => {
      await tab.page.evaluate(axe.source);
      const violations = await tab.page.evaluate("axe.run().then(({ violations }) => violations)");
      expect(violations).toEqual([]);
    };
    await check();
    await tab.ask("Book a table for two at Casa Nova");
    await tab.ended();
    await tab.page.getByText("Thoughts").first().click();
    await tab.page.getByText("Book table").click();
    await tab.ask("Tell me of the outage");
    await tab.page.getByRole("alert").waitFor();
    await check();
    await tab.ask(howItWorks);
    await tab.ended();
    await check();
  });
});
