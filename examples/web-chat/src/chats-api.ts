import type { Message } from "millrace";
import type { ChatEntry } from "../server/chat-database.ts";

/** A chat as it is stored. */
export interface History {
  readonly messages: readonly Message[];
  /** Its latest run; none for a new one. */
  readonly runId: string | null;
}

export async function listChats(): Promise<ChatEntry[]> {
  return (await ask("/api/chats")).json();
}

export async function loadChat(chatId: string): Promise<History> {
  return (await ask(chatUrl(chatId))).json();
}

export async function renameChat(chatId: string, title: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  await ask(chatUrl(chatId), { method: "PATCH", headers, body: JSON.stringify({ title }) });
}

export async function removeChat(chatId: string): Promise<void> {
  await ask(chatUrl(chatId), { method: "DELETE" });
}

function chatUrl(chatId: string): string {
  return `/api/chats/${encodeURIComponent(chatId)}`;
}

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`The server answered ${response.status}`);
  return response;
}
