/** A request that is answered with an error: a status, a code for programs, a sentence for people. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  toResponse(): Response {
    const { status, code, message, headers } = this;
    return Response.json(
      { error: { code, message } },
      { status, headers: { "cache-control": "no-store", ...headers } },
    );
  }
}
