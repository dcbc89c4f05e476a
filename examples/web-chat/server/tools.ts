import { setTimeout as delay } from "node:timers/promises";
import { type Tool, tool } from "millrace";
import { z } from "zod";

/** What a tool tells while it works; the page draws it as a bar. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly note: string;
}

const sources = ["Asking the buoys", "Asking the satellites", "Asking the mountain stations", "Comparing the models"];
const skies = ["sunny", "light rain", "clear", "cloudy", "windy", "fog at dawn", "showers"];

const getForecast = tool({
  name: "get_forecast",
  description: "Get the weather forecast for a city, for the next three days",
  input: z.object({ city: z.string().describe("The name of the city") }),
  async *execute({ city }, { signal }) {
    for (const [done, note] of sources.entries()) {
      yield { done, total: sources.length, note } satisfies Progress;
      // Stands for a request. The signal ends it at once when the run is stopped.
      await delay(500 + 60 * city.length, undefined, { signal });
    }
    const seed = [...city].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
    const days = ["Friday", "Saturday", "Sunday"].map((day, index) => ({
      day,
      sky: skies[(seed + 3 * index) % skies.length],
      high: 12 + ((seed + 5 * index) % 14),
      low: 4 + ((seed + 2 * index) % 8),
    }));
    return { city, days };
  },
});

const writePostcard = tool({
  name: "write_postcard",
  description: "Write a postcard",
  input: z.object({ recipient: z.string(), text: z.string() }),
  execute: ({ recipient }) => ({ recipient, stamp: "local", state: "ready to be posted" }),
});

const bookTable = tool({
  name: "book_table",
  description: "Book a table at a restaurant",
  input: z.object({ restaurant: z.string(), guests: z.number().int() }),
  async execute({ restaurant, guests }, { signal }): Promise<string> {
    await delay(800, undefined, { signal });
    throw new Error(`${restaurant} has no table for ${guests} left tonight`);
  },
});

/** One that tells of its progress, one whose arguments are worth watching, and one that fails. */
export const tools: readonly Tool[] = [getForecast, writePostcard, bookTable];
