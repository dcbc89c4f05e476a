import { getCookie, setCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import { parse } from "hono/utils/cookie";

const name = "visitor";

/** Whoever has this cookie is this user: a stand-in for your own sign-in. */
export function userOf(request: Request): string | undefined {
  return parse(request.headers.get("cookie") ?? "", name)[name];
}

/** Knows each browser again, by a random name that only it has. */
export const visitor = createMiddleware<{ Variables: { userId: string } }>(async (c, next) => {
  const userId = getCookie(c, name) ?? crypto.randomUUID();
  // Strict: no other site can speak in the visitor's name.
  setCookie(c, name, userId, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 60 * 60 * 24 * 365 });
  c.set("userId", userId);
  await next();
});
