import { errorMessage, ModelError } from "millrace";

/** One message that says what went wrong and what to do about it, for a person at a terminal. */
export function explainError(error: unknown): string {
  const message = errorMessage(error);
  if (!(error instanceof ModelError)) return message;
  switch (error.kind) {
    case "auth":
      return `${message}\nCheck the key in OPENAI_API_KEY or ANTHROPIC_API_KEY.`;
    case "network":
      return `${message}\nIs the server running, and can this machine reach it? OPENAI_BASE_URL or ANTHROPIC_BASE_URL says where it is.`;
    case "rate-limit":
    case "overloaded":
      return `${message}\nTry again in a moment.`;
    default:
      return message;
  }
}
