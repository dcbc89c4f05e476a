// A schema for the answer: partial objects while it streams, a validated object at the end.
import { Agent } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const Recipe = z.object({
  title: z.string(),
  minutes: z.number().int().positive(),
  ingredients: z.array(z.string()).min(2),
});

const agent = new Agent({
  name: "cook",
  // The first answer does not fit the schema (minutes is a text): the agent asks again by itself.
  model: scriptedModel(
    [
      { object: { title: "Pancakes", minutes: "twenty", ingredients: ["flour", "milk"] } },
      { object: { title: "Pancakes", minutes: 20, ingredients: ["flour", "milk", "eggs"] } },
    ],
    { chunk: 16 },
  ),
  output: Recipe,
});

for await (const event of agent.respond("A recipe for pancakes, please.", { userId: "u1", chatId: "c1" })) {
  switch (event.type) {
    case "object-delta":
      // Parsed leniently, only now that it is read. For showing: it is not validated yet.
      if (event.object !== undefined) console.log("so far", JSON.stringify(event.object));
      break;
    case "message-added":
      if (event.message.role === "user") console.log("asked:", event.message.content);
      break;
    case "final": {
      // `object` was validated; parsing it once more gives it its type.
      const recipe = Recipe.parse(event.object);
      console.log(`${recipe.title}: ${recipe.minutes} minutes, ${recipe.ingredients.length} ingredients`);
      break;
    }
    default:
      break;
  }
}
