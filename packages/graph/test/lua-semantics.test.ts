import { lua } from "@millrace/graph/lua";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LuaFactory } from "wasmoon";
import { parseLua } from "../src/lua/lua-syntax.ts";

const { signal } = new AbortController();

const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    1,
    2,
    3,
    2.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    1e300,
  ),
  fc.constantFrom<unknown>(2n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n, 2n ** 70n),
  fc.constantFrom<unknown>("", "a", "b", "ab", "ä", "\u{10000}", "\uffff", "a\0b", "\ud800", "1", new Date(0)),
  fc.string({ unit: "binary", maxLength: 3 }),
  fc.double(),
  fc.bigInt(),
);
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 2 },
    scalar,
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("a", "b", "len", "1"), tie("any"), { maxKeys: 3 }),
    fc.array(scalar, { maxLength: 3 }).map((items) => new Set(items)),
    fc.array(fc.tuple(scalar, tie("any")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.constant(new Uint8Array([1, 2, 3])),
  ),
})).any;
const values = fc.record({ x: value, y: value, z: value }, { requiredKeys: [] });

const constant = fc.constantFrom(
  ...["nil", "null", "true", "false", "0", "1", "2", "-1", "2.0", ".5e1", "3.", "0x10", "0xffffffffffffffff", "1e400"],
  ...["9007199254740993", "9223372036854775808", "-9223372036854775808", "'a'", '"ab"', "[[b]]", "''", "'\\65\\x42'"],
  ...["'\\u{e4}'", "'a\\0b'", "'\\z  a'", "[==[\n]]]==]"],
);
const name = fc.constantFrom("x", "y", "z", "w");
const expression = fc.letrec<{ any: string; path: string }>((tie) => ({
  path: fc.oneof(
    { maxDepth: 2 },
    name,
    fc
      .tuple(tie("path"), fc.constantFrom(".a", ".b", ".len", "[1]", "['a']", "[2.0]", "[0]", "[nil]"))
      .map((all) => all.join("")),
    fc.tuple(tie("path"), tie("any")).map(([path, key]) => `${path}[ ${key}]`),
  ),
  any: fc.oneof(
    { maxDepth: 3 },
    constant,
    tie("path"),
    fc
      .tuple(tie("any"), fc.constantFrom("==", "~=", "<", "<=", ">", ">=", "and", "or"), tie("any"))
      .map(([left, operator, right]) => `${left} ${operator} ${right}`),
    fc.tuple(fc.constantFrom("not ", "#", "- "), tie("any")).map(([operator, operand]) => `${operator}${operand}`),
    tie("any").map((inner) => `(${inner})`),
  ),
})).any;

test("what is decided in place is decided as Lua decides it, down to what is an error", {
  timeout: 60_000,
}, async () => {
  const verdict = async (source: string, given: Record<string, unknown>): Promise<unknown> => {
    try {
      return await lua(source, { timeoutMs: 20_000 }).evaluate(given, { signal });
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      return message.replace(/^.*? failed(?: \(line \d+\))?: /s, "");
    }
  };
  await fc.assert(
    fc.asyncProperty(expression, values, async (source, given) => {
      // As a script it goes to the engine.
      const asked = await verdict(`return ${source}`, given);
      const decided = await verdict(source, given);
      if (typeof asked === "boolean") expect(decided).toBe(asked);
      // Lua puts the wrong name to a value now and then; what is wrong with it is the same.
      else expect(withoutName(decided)).toBe(withoutName(asked));
    }),
    { numRuns: 1500 },
  );
});

function withoutName(message: unknown): string {
  return String(message).replace(/ \([a-z ]+ '.*'\)$/s, "");
}

const words = [
  ...["x", "y", "local", "function", "end", "if", "then", "else", "elseif", "while", "do", "for", "in", "repeat"],
  ...[
    "until",
    "return",
    "break",
    "nil",
    "true",
    "false",
    "and",
    "or",
    "not",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "=",
    "==",
    "~=",
  ],
  ...[
    "<",
    ">",
    "<=",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "^",
    "#",
    "&",
    "|",
    "~",
    "<<",
    ">>",
    "..",
    "...",
    ".",
    ":",
    ",",
    ";",
  ],
  ...[
    "1",
    "0x1p4",
    "3..2",
    "1e",
    "0xg",
    "'s'",
    "[[l]]",
    "'\\q'",
    "'\\400'",
    "-- c",
    "--[[ c ]]",
    "\n",
    "<const>",
    "f",
    "::",
  ],
];
const scripts = [
  "local x <const>, y = 1, 2 ; local function f ( a , ... ) return a , ... end return f ( x , y )",
  "for i = 1 , 10 , 2 do if i > 3 then break elseif i == 2 then x . y [ 1 ] = { 1 ; a = 2 , [ 'b' ] = 3 , } end end return x",
  "for k , v in pairs ( x ) do repeat local z = k until z == v end return function ( ... ) return ... end",
  "while x do do x = x . y : m 's' { } ( 1 ) end end return not - x ^ 2 .. 'a' .. # y",
  "function x . y : z ( a ) self . b , c = a , a end return ( x ) . y , x == 1 and 2 or 3 // 4 & 5 ~ 6 << 7",
];
const mutated = fc
  .tuple(
    fc.constantFrom(...scripts),
    fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...words)), { maxLength: 3 }),
  )
  .map(([script, changes]) => {
    const tokens = script.split(" ");
    for (const [at, kind, word] of changes)
      tokens.splice(at % tokens.length, kind === 0 ? 0 : 1, ...(kind === 2 ? [] : [word]));
    return tokens.join(" ");
  });
const source = fc.oneof(
  mutated,
  fc.array(fc.constantFrom(...words), { maxLength: 8 }).map((all) => `return ${all.join(" ")}`),
  fc.array(fc.constantFrom(...words), { maxLength: 6 }).map((all) => all.join("")),
);

function problemOf(text: string): string {
  try {
    parseLua(text);
    return "";
  } catch (error) {
    return String(error);
  }
}

test("takes what Lua takes, and refuses what Lua refuses", { timeout: 60_000 }, async () => {
  const engine = await new LuaFactory().createEngine();
  const load: (text: string) => boolean = await engine.doString("return function(text) return load(text) ~= nil end");
  try {
    fc.assert(
      fc.property(source, (text) => {
        const isExpression = load(`if ${text}\n then end`) && load(`while ${text}\n do end`);
        const problem = problemOf(text);
        // Conditions have no labels.
        if (text.includes("::")) return;
        if (isExpression || problem === "") expect(problem).toBe(isExpression || load(text) ? "" : "a problem");
        // A script that Lua takes is refused if it never returns anything.
        else if (load(text)) expect(problemOf(`${text}\nreturn 1`)).toBe("");
      }),
      { numRuns: 6000 },
    );
  } finally {
    engine.global.close();
  }
});
