import { expect, it } from "vitest";
import { toFailure } from "./failure.ts";

function refusal(message: string): Error {
  const body = { type: "error", error: { type: "invalid_request_error", message }, count: 1 };
  return Object.assign(new Error(`400 ${JSON.stringify(body)}`), { status: 400, error: body });
}

it("masks a key that the server quotes, whatever characters it has", () => {
  const key = 'a "quoted" key';
  expect(toFailure(refusal(`no such key: ${key}`), key).message).toBe("anthropic 400: no such key: …");
});

it("leaves an answer readable where the key is a stand-in", () => {
  expect(toFailure(refusal("bad request"), "1")).toMatchObject({ name: "ModelError", kind: "invalid-request" });
});
