import { createHash } from "node:crypto";

const digest = (text: string): string => createHash("sha256").update(`millrace-simulator:${text}`).digest("base64url");

/** A signature over a text, in the place of a vendor's: whoever changes the text or the signature is found out. */
export const signature = (text: string): string => `Eu${digest(text)}${digest(`again:${text}`)}`;

/** What stands for reasoning that is sent encrypted: it holds nothing, but shows whether it came back unchanged. */
export function encrypted(id: string): string {
  const label = Buffer.from(id).toString("base64url");
  return `gAAAAA${label}.${digest(label)}`;
}

/** Whether `encrypted()` made this. */
export function isIntact(content: string): boolean {
  const [label = "", seal] = content.replace(/^gAAAAA/, "").split(".");
  return content.startsWith("gAAAAA") && seal === digest(label);
}
