import { describe, expect, it } from "vitest";
import type { ToolDefinition } from "./conversation.ts";
import { planCalls } from "./plan-calls.ts";

const text = (description = "") => ({ type: "string", description });
const number = { type: "number" };

function tool(name: string, description: string, properties: object = {}, required?: string[]): ToolDefinition {
  return {
    name,
    description,
    parameters: { type: "object", properties, required: required ?? Object.keys(properties) },
  };
}

const weather = tool("get_weather", "Get the weather for a city", { city: text() });
const time = tool("get_current_time", "Get the current time", { timezone: text("IANA time zone") });
const add = tool("add", "Add two numbers", { a: number, b: number });
const multiply = tool("multiply", "Multiply two numbers", { a: number, b: number });
const calculator = tool("calculator", "Evaluates arithmetic", { expression: text() });
const search = tool("search_web", "Search the web", { query: text(), limit: { type: "integer", maximum: 10 } }, [
  "query",
]);
const email = tool("send_email", "Send an email", {
  to: { type: "string", format: "email" },
  subject: text(),
  body: text(),
});
const flights = tool(
  "searchFlights",
  "Find flights",
  {
    origin: text(),
    destination: text(),
    date: { type: "string", format: "date" },
    passengers: { type: "integer" },
    direct: { type: "boolean" },
  },
  ["origin", "destination", "date"],
);
const createTicket = tool(
  "create_ticket",
  "Create a ticket",
  { title: text(), priority: { type: "string", enum: ["low", "normal", "very_high"] }, assignee: text() },
  ["title"],
);
const closeTicket = tool("close_ticket", "Close a ticket", { ticket_id: text() });
const convert = tool("convert_currency", "Convert money", { amount: number, from: text(), to: text() });
const translate = tool("translate", "Translate text", { text: text(), target_language: text() });
const user = tool("get_user", "Look up a user", { id: { type: "integer" } });
const group = tool("create_group", "Create a group", {
  emails: { type: "array", items: { type: "string" } },
  name: text(),
});

/** Calls as one line each: `get_weather {"city":"Tokyo"}`; steps are parted by "then". */
const plan = (prompt: string, tools: ToolDefinition[], background: Partial<Parameters<typeof planCalls>[2]> = {}) =>
  planCalls(prompt, tools, { earlier: [], facts: [], lastTools: [], ...background }).flatMap((step, index) => [
    ...(index > 0 ? ["then"] : []),
    ...step.map(({ name, args }) => `${name} ${JSON.stringify(args)}`),
  ]);

describe("a prompt is about", () => {
  it.each([
    [
      "both tools and both cities",
      "What's the time and weather in Tokyo and London?",
      [time, weather],
      [
        'get_current_time {"timezone":"Asia/Tokyo"}',
        'get_current_time {"timezone":"Europe/London"}',
        'get_weather {"city":"Tokyo"}',
        'get_weather {"city":"London"}',
      ],
    ],
    [
      "one call of a tool without parameters",
      "Time and weather in Tokyo and London?",
      [tool("get_time", ""), weather],
      ["get_time {}", 'get_weather {"city":"Tokyo"}', 'get_weather {"city":"London"}'],
    ],
    [
      "each tool with its own city",
      "weather in Tokyo and time in London",
      [time, weather],
      ['get_weather {"city":"Tokyo"}', 'get_current_time {"timezone":"Europe/London"}'],
    ],
    [
      "a city before its tool",
      "Tokyo weather and London time",
      [time, weather],
      ['get_weather {"city":"Tokyo"}', 'get_current_time {"timezone":"Europe/London"}'],
    ],
    [
      "names in small letters",
      "weather in tokyo and new york please",
      [weather],
      ['get_weather {"city":"Tokyo"}', 'get_weather {"city":"New York"}'],
    ],
    [
      "a city with its country",
      "Is it raining in Paris, France and Rio de Janeiro?",
      [weather],
      ['get_weather {"city":"Paris, France"}', 'get_weather {"city":"Rio de Janeiro"}'],
    ],
    [
      "the tool that explains most words",
      'Close ticket 42 and create a very high priority ticket "Printer broken"',
      [createTicket, closeTicket],
      ['close_ticket {"ticket_id":"42"}', 'create_ticket {"title":"Printer broken","priority":"very_high"}'],
    ],
    [
      "numbers in their order",
      "Add and multiply 2 and 3.5",
      [add, multiply],
      ['add {"a":2,"b":3.5}', 'multiply {"a":2,"b":3.5}'],
    ],
    ["signs of arithmetic", "What is 6 times 7?", [add, multiply], ['multiply {"a":6,"b":7}']],
    ["an expression", "How much is (3 + 4) * 2?", [weather, calculator], ['calculator {"expression":"(3 + 4) * 2"}']],
    [
      "steps",
      "Add 2 and 3, then multiply 4 by 5",
      [multiply, add],
      ['add {"a":2,"b":3}', "then", 'multiply {"a":4,"b":5}'],
    ],
    [
      "a topic",
      "Search the web for quantum computing news",
      [weather, search],
      ['search_web {"query":"quantum computing news"}'],
    ],
    [
      "a number that a word points to",
      "Find the top 50 results about Rust",
      [search],
      ['search_web {"query":"top 50 results about Rust","limit":10}'],
    ],
    [
      "quoted texts by their order",
      'Email bob@example.com with subject "Lunch" and body "Noon?"',
      [email],
      ['send_email {"to":"bob@example.com","subject":"Lunch","body":"Noon?"}'],
    ],
    [
      "prepositions",
      "Direct flights from Paris to London and Rome on 2025-05-01 for two passengers",
      [flights],
      [
        'searchFlights {"origin":"Paris","destination":"London","date":"2025-05-01","passengers":2,"direct":true}',
        'searchFlights {"origin":"Paris","destination":"Rome","date":"2025-05-01","passengers":2,"direct":true}',
      ],
    ],
    [
      "a value with a unit before a preposition",
      "Convert 1,000.50 USD to EUR",
      [convert],
      ['convert_currency {"amount":1000.5,"from":"USD","to":"EUR"}'],
    ],
    [
      "several quoted texts",
      "Translate “hello” and “good night” to French",
      [translate],
      [
        'translate {"text":"hello","target_language":"French"}',
        'translate {"text":"good night","target_language":"French"}',
      ],
    ],
    [
      "a list of numbers",
      "Look up users 1, 2 and 3",
      [user],
      ['get_user {"id":1}', 'get_user {"id":2}', 'get_user {"id":3}'],
    ],
    [
      "a list field",
      "Create a group Friends with a@x.com and b@x.com",
      [group],
      ['create_group {"emails":["a@x.com","b@x.com"],"name":"Friends"}'],
    ],
    [
      "a labelled value",
      "Create a ticket, title: Broken lamp, assignee: Ada. Thanks!",
      [createTicket],
      ['create_ticket {"title":"Broken lamp","assignee":"Ada"}'],
    ],
    [
      "files",
      "Read the files a.txt and /tmp/b.md",
      [tool("read_file", "", { path: text() })],
      ['read_file {"path":"a.txt"}', 'read_file {"path":"/tmp/b.md"}'],
    ],
    [
      "a switch",
      "Turn the lights off in the living room",
      [tool("set_lights", "", { room: text(), on: { type: "boolean" } })],
      ['set_lights {"room":"Living Room","on":false}'],
    ],
    [
      "enums in their order",
      "Convert 20 celsius to fahrenheit",
      [
        tool("convert", "", {
          value: number,
          from: { enum: ["fahrenheit", "celsius"] },
          to: { enum: ["fahrenheit", "celsius"] },
        }),
      ],
      ['convert {"value":20,"from":"celsius","to":"fahrenheit"}'],
    ],
    ["a percentage", "What is 15% of 80?", [calculator], ['calculator {"expression":"15 / 100 * 80"}']],
    [
      "what the schema proposes",
      "What time is it?",
      [
        tool("get_time", "", {
          zone: { type: "string", default: "UTC" },
          style: { enum: ["long"] },
          count: { type: "integer", minimum: 3 },
          flag: { type: "boolean" },
          city: text("City, e.g. Rome"),
        }),
      ],
      ['get_time {"zone":"UTC","style":"long","count":3,"flag":false,"city":"Rome"}'],
    ],
    ["no tool", "Tell me a joke", [weather, time, search], []],
    ["no tool that sends", "Send me the weather in Rome", [email, weather], ['get_weather {"city":"Rome"}']],
  ])("%s", (_, prompt, tools, calls) => {
    expect(plan(prompt, tools)).toEqual(calls);
  });

  it("what the turn before was about", () => {
    expect(plan("And New York?", [time, weather], { lastTools: ["get_weather"] })).toEqual([
      'get_weather {"city":"New York"}',
    ]);
    expect(
      plan("What time is it there?", [time, weather], { earlier: ["Weather in Oslo?", "Weather in Rome?"] }),
    ).toEqual(['get_current_time {"timezone":"Europe/Oslo"}']);
  });

  it("what the tools have told", () => {
    const facts = [{ text: "Sunny", sentence: "It is sunny in Tokyo.", fields: { city: "Tokyo" } }];
    expect(plan("Get the weather in Tokyo and then email it to bob@x.com", [weather, email], { facts })).toEqual([
      'get_weather {"city":"Tokyo"}',
      "then",
      'send_email {"to":"bob@x.com","subject":"Tokyo","body":"It is sunny in Tokyo."}',
    ]);
    const hotel = [{ text: "", sentence: "", fields: { city: "Rome", name: "Hotel Roma" } }];
    const book = tool("book_hotel", "Book a hotel", { name: text() });
    expect(
      plan("Search hotels in Rome, then book the hotel", [book, tool("search_hotels", "", { city: text() })], {
        facts: hotel,
      }),
    ).toEqual(['search_hotels {"city":"Rome"}', "then", 'book_hotel {"name":"Hotel Roma"}']);
  });
});

it("reads a long prompt in no time", () => {
  const started = performance.now();
  for (const filler of ["x", "X", "1", "'", "(", "a@", "word ", "Weather in Rome. "])
    plan(filler.repeat(4000), [weather, calculator, email]);
  expect(performance.now() - started).toBeLessThan(2000);
});
