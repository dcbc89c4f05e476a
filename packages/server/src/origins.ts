/** Who else but the own origin may use an endpoint from a browser. */
export interface CorsOptions {
  /** Origins such as `https://app.example.org`; no patterns. */
  origins: readonly string[];
  /** Whether browsers send cookies with such requests. Default: false. */
  credentials?: boolean;
}

/**
 * Whether a page of this origin may open a WebSocket: browsers send cookies with it, from any page, and ask nobody. True
 * for the server's own origin, for the listed ones, and where there is no origin, which is no browser.
 *
 * @param request the upgrade request
 */
export function isAllowedOrigin(request: Pick<Request, "headers">, origins: readonly string[] = []): boolean {
  const origin = request.headers.get("origin");
  if (origin === null || origins.includes(origin)) return true;
  const host = request.headers.get("host");
  return host !== null && URL.canParse(origin) && new URL(origin).host === host;
}

/** The headers that let a listed origin read a response; none for any other. */
export function corsHeaders(request: Request, cors: CorsOptions | undefined): Record<string, string> {
  if (!cors) return {};
  const origin = request.headers.get("origin");
  if (origin === null || !cors.origins.includes(origin)) return { vary: "Origin" };
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "x-run-id",
    ...(cors.credentials && { "access-control-allow-credentials": "true" }),
  };
}

/** The answer to a browser that asks whether it may send a request; {@link corsHeaders} go with it. */
export function preflight(request: Request, cors: CorsOptions | undefined): Response {
  if (!corsHeaders(request, cors)["access-control-allow-origin"]) return new Response(null, { status: 403 });
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "POST, GET, DELETE",
      "access-control-allow-headers": "content-type, authorization, last-event-id",
      "access-control-max-age": "600",
    },
  });
}
