import { describe, expect, it } from "vitest";
import { checkChatRequest } from "./check-chat.ts";
import { checkMessagesRequest } from "./check-messages.ts";
import { checkResponsesRequest } from "./check-responses.ts";

/** Requests are plain JSON here: the tests break them in ways that no type allows. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Loose = any;
type Case = [name: string, breakIt: (body: Loose) => void, message: RegExp];

const schema = { type: "object", properties: { x: { type: "number" } } };

const chat = (): Loose => ({
  model: "m",
  tools: [{ type: "function", function: { name: "f", parameters: structuredClone(schema) } }],
  messages: [
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "q" },
        { type: "image_url", image_url: { url: "https://x.com/a.png" } },
      ],
    },
    {
      role: "assistant",
      content: null,
      tool_calls: [
        { id: "a", type: "function", function: { name: "f", arguments: "{}" } },
        { id: "b", type: "function", function: { name: "g", arguments: '{"x":1}' } },
      ],
    },
    { role: "tool", tool_call_id: "b", content: "" },
    { role: "tool", tool_call_id: "a", content: "1" },
    { role: "assistant", content: "ok" },
    { role: "user", content: "r" },
  ],
});

const responses = (): Loose => ({
  model: "m",
  store: false,
  tools: [{ type: "function", name: "f", parameters: structuredClone(schema) }],
  input: [
    { role: "user", content: "q" },
    { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "g" },
    { type: "function_call", id: "fc_1", call_id: "a", name: "f", arguments: "{}" },
    { type: "function_call", call_id: "b", name: "g", arguments: "{}" },
    { type: "function_call_output", call_id: "a", output: "1" },
    { type: "function_call_output", call_id: "b", output: [{ type: "input_text", text: "2" }] },
    { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "ok" }] },
    { role: "user", content: [{ type: "input_text", text: "r" }] },
  ],
});

const anthropic = (): Loose => ({
  model: "m",
  max_tokens: 4000,
  system: [{ type: "text", text: "Be brief." }],
  thinking: { type: "enabled", budget_tokens: 1024 },
  tools: [{ name: "f", input_schema: structuredClone(schema) }],
  messages: [
    { role: "user", content: "q" },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "", signature: "s" },
        { type: "text", text: "t" },
        { type: "tool_use", id: "a", name: "f", input: {} },
        { type: "tool_use", id: "b", name: "g", input: { x: 1 } },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "b" },
        { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "1" }] },
        { type: "text", text: "go on" },
      ],
    },
    { role: "user", content: "and on" },
    { role: "assistant", content: "ok" },
    { role: "user", content: [{ type: "text", text: "r" }] },
  ],
});

function suite(name: string, check: (body: unknown) => string[], good: () => Loose, cases: Case[]): void {
  describe(name, () => {
    it("accepts what is right", () => expect(check(good())).toEqual([]));
    it("refuses what is no object", () => expect(check([])).toHaveLength(1));
    it.each(cases)("refuses %s", (_, breakIt, message) => {
      const body = good();
      breakIt(body);
      expect(check(body).join("\n")).toMatch(message);
    });
  });
}

const user = { role: "user", content: "x" };

suite("Chat Completions", checkChatRequest, chat, [
  ["no model", (b) => delete b.model, /model parameter/],
  ["no messages", (b) => delete b.messages, /Missing required parameter: 'messages'/],
  ["empty messages", (b) => b.messages.splice(0), /empty array/],
  ["an unanswered call", (b) => b.messages.splice(4, 1), /did not have response messages: a/],
  ["a call left at the end", (b) => b.messages.splice(3), /did not have response messages: a, b/],
  ["a message between call and result", (b) => b.messages.splice(3, 0, user), /did not have response messages/],
  ["a result twice", (b) => b.messages.splice(4, 0, b.messages[3]), /preceding message with 'tool_calls'/],
  ["a result without a call", (b) => b.messages.splice(2, 1), /preceding message with 'tool_calls'/],
  ["a result without content", (b) => delete b.messages[3].content, /expected a string, got null/],
  ["ids that repeat", (b) => (b.messages[2].tool_calls[1].id = "a"), /Duplicate/],
  [
    "arguments that are no JSON",
    (b) => (b.messages[2].tool_calls[0].function.arguments = '{"x":'),
    /not a JSON object/,
  ],
  ["arguments that are no string", (b) => (b.messages[2].tool_calls[0].function.arguments = {}), /expected a string/],
  ["a name with a space", (b) => (b.messages[2].tool_calls[0].function.name = "a b"), /does not match pattern/],
  ["no calls in a list of calls", (b) => (b.messages[5].tool_calls = []), /empty array/],
  ["an empty answer", (b) => (b.messages[5].content = ""), /got null/],
  ["an empty prompt", (b) => (b.messages[6].content = ""), /empty string/],
  ["an empty text part", (b) => (b.messages[1].content[0].text = ""), /empty string/],
  ["an unknown part", (b) => (b.messages[1].content[0].type = "video"), /'video'/],
  ["an unknown role", (b) => (b.messages[0].role = "robot"), /'robot'/],
  ["a tool without a type", (b) => delete b.tools[0].type, /tools\[0\]\.type/],
  ["a tool's schema that is no object", (b) => (b.tools[0].function.parameters = { type: "string" }), /type: "object"/],
  ["a strict tool with optional fields", (b) => (b.tools[0].function.strict = true), /additionalProperties.*|required/],
  ["an empty list of tools", (b) => (b.tools = []), /Invalid 'tools': empty array/],
  [
    "a choice without tools",
    (b) => Object.assign(b, { tools: undefined, tool_choice: "auto" }),
    /only allowed when 'tools'/,
  ],
  ["a chosen tool that is not offered", (b) => (b.tool_choice = { type: "function", function: { name: "z" } }), /'z'/],
  ["stream options without a stream", (b) => (b.stream_options = {}), /only allowed when 'stream'/],
  ["a JSON answer that is not asked for", (b) => (b.response_format = { type: "json_object" }), /the word 'json'/],
  [
    "a schema without a name",
    (b) => (b.response_format = { type: "json_schema", json_schema: { schema } }),
    /json_schema\.name/,
  ],
  [
    "a strict schema with optional fields inside",
    (b) => {
      const inner = {
        type: "object",
        properties: { list: { type: "array", items: schema } },
        required: ["list"],
        additionalProperties: false,
      };
      b.response_format = { type: "json_schema", json_schema: { name: "n", strict: true, schema: inner } };
    },
    /'properties', 'list', 'items'/,
  ],
]);

suite("Responses", checkResponsesRequest, responses, [
  ["no model", (b) => delete b.model, /'model'/],
  ["no input", (b) => (b.input = ""), /'input'/],
  ["an unanswered call", (b) => b.input.splice(4, 1), /No tool output found for function call a/],
  [
    "a result without a call",
    (b) => b.input.splice(3, 1),
    /No tool call found for function call output with call_id b/,
  ],
  ["a result before its call", (b) => b.input.unshift(b.input.splice(4, 1)[0]), /No tool call found/],
  ["a result twice", (b) => b.input.push(b.input[4]), /Duplicate/],
  ["a call twice", (b) => b.input.splice(3, 0, b.input[3]), /Duplicate/],
  ["an id of another kind", (b) => (b.input[2].id = "call_1"), /begins with 'fc'/],
  ["arguments that are no JSON", (b) => (b.input[2].arguments = "x"), /not a JSON object/],
  ["reasoning without what it led to", (b) => b.input.splice(2, 5), /without its required following item/],
  ["reasoning that nobody keeps", (b) => delete b.input[1].encrypted_content, /not persisted/],
  ["input text in an answer", (b) => (b.input[6].content[0].type = "input_text"), /'output_text', 'refusal'/],
  ["output text in a prompt", (b) => (b.input[7].content[0].type = "output_text"), /'input_text'/],
  ["an empty prompt", (b) => (b.input[0].content = ""), /empty string/],
  ["empty content", (b) => (b.input[0].content = []), /empty array/],
  ["an unknown role", (b) => (b.input[0].role = "tool"), /'tool'/],
  ["a tool's schema that is no object", (b) => (b.tools[0].parameters = {}), /type: "object"/],
  ["a strict tool with optional fields", (b) => (b.tools[0].strict = true), /additionalProperties/],
  ["a schema without a name", (b) => (b.text = { format: { type: "json_schema", schema } }), /text\.format\.name/],
]);

suite("Messages", checkMessagesRequest, anthropic, [
  ["no model", (b) => delete b.model, /model: Field required/],
  ["no max_tokens", (b) => delete b.max_tokens, /max_tokens: Field required/],
  ["no messages", (b) => (b.messages = []), /at least one message/],
  ["a first message of the assistant", (b) => b.messages.shift(), /first message must use the "user" role/],
  ["an unknown role", (b) => (b.messages[0].role = "tool"), /Unexpected role "tool"/],
  ["an unanswered call", (b) => b.messages[2].content.shift(), /without `tool_result` blocks immediately after: b/],
  ["a call left at the end", (b) => b.messages.splice(2), /without `tool_result` blocks immediately after: a, b/],
  [
    "results in two messages",
    (b) => b.messages.splice(3, 0, { role: "user", content: [b.messages[2].content.shift()] }),
    /immediately after/,
  ],
  ["a result without a call", (b) => b.messages.splice(1, 1), /unexpected `tool_use_id`/],
  ["a result twice", (b) => b.messages[2].content.unshift(b.messages[2].content[0]), /must have a single result/],
  ["text before a result", (b) => b.messages[2].content.unshift({ type: "text", text: "x" }), /must come first/],
  ["ids that repeat", (b) => (b.messages[1].content[3].id = "a"), /ids must be unique/],
  ["an id with a space", (b) => (b.messages[1].content[2].id = "a b"), /should match pattern/],
  ["input that is no object", (b) => (b.messages[1].content[2].input = "{}"), /valid dictionary/],
  ["thinking without a signature", (b) => delete b.messages[1].content[0].signature, /signature: Field required/],
  [
    "a tool loop without its thinking",
    (b) =>
      Object.assign(b, {
        messages: [b.messages[0], { ...b.messages[1], content: b.messages[1].content.slice(1) }, b.messages[2]],
      }),
    /must start with a thinking block/,
  ],
  ["an empty text", (b) => (b.messages[1].content[1].text = ""), /must be non-empty/],
  ["a blank text", (b) => (b.messages[0].content = " \n"), /non-whitespace/],
  ["empty content", (b) => (b.messages[4].content = []), /non-empty content/],
  ["a failed result without text", (b) => (b.messages[2].content[0].is_error = true), /cannot be empty if `is_error`/],
  ["white space at the end", (b) => (b.messages[5] = { role: "assistant", content: "So " }), /trailing whitespace/],
  ["a budget above the limit", (b) => (b.max_tokens = 1024), /greater than `thinking.budget_tokens`/],
  ["thinking with a temperature", (b) => (b.temperature = 0.5), /may only be set to 1/],
  ["thinking with a forced tool", (b) => (b.tool_choice = { type: "any" }), /Thinking may not be enabled/],
  ["tools of the same name", (b) => b.tools.push(b.tools[0]), /names must be unique/],
  ["a tool without a schema", (b) => delete b.tools[0].input_schema, /input_schema.type/],
]);
