// A tool whose result is an image: the model gets to see it.
import { Agent, image, text, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const camera = tool({
  name: "take_picture",
  description: "Take a picture of the mill wheel",
  input: z.object({ side: z.enum(["left", "right"]) }),
  execute: ({ side }) => [text(`The wheel from the ${side}:`), image(onePixel(), { mediaType: "image/png" })],
});

const agent = new Agent({
  name: "guard",
  model: scriptedModel([
    { toolCalls: [{ name: "take_picture", args: { side: "left" } }] },
    // What the second request carries: the picture, in the tool's message.
    ({ messages }) => {
      const content = messages.at(-1)?.content ?? [];
      const parts = typeof content === "string" ? [] : content.map(({ type }) => type);
      return `I was sent: ${parts.join(" and ")}.`;
    },
  ]),
  tools: [camera],
});

// Pictures can be asked about in the same way.
const question = [text("Does the wheel turn? Yesterday it looked so:"), image("https://example.org/wheel.jpg")];
const { output } = await agent.sendMessage(question, { userId: "u1", chatId: "c1" });
console.log(output);

function onePixel(): Uint8Array {
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  return Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
}
