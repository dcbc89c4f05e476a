import type { ConfigError } from "millrace";
import { syntaxError, type Token, tokensOf } from "./lua-tokens.ts";

/** An expression, as far as it can be decided without Lua; `other` is all that cannot. */
export type LuaExpression =
  | { readonly kind: "constant"; readonly value: undefined | boolean | number | bigint | string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "index"; readonly object: LuaExpression; readonly key: LuaExpression }
  | { readonly kind: "not" | "length"; readonly operand: LuaExpression }
  | { readonly kind: "and" | "or"; readonly left: LuaExpression; readonly right: LuaExpression }
  | { readonly kind: Comparison; readonly left: LuaExpression; readonly right: LuaExpression }
  | { readonly kind: "other" };

/** The operators that compare. */
export type Comparison = "==" | "~=" | "<" | "<=" | ">" | ">=";

/** A name that is not local, where it is used. */
export interface NameUse {
  readonly name: string;
  readonly at: number;
  /** Whether it, or the field of it that `field` is, is called; or whether it is given a value. */
  readonly as: "value" | "call" | "assignment";
  /** The field that is read from it by a dot. */
  readonly field?: string;
}

/** What a source consists of. */
export interface LuaSyntax {
  /** Undefined for a script of statements. */
  readonly expression: LuaExpression | undefined;
  readonly uses: readonly NameUse[];
}

/**
 * Reads a source of Lua 5.4: one expression, or statements of which one returns.
 *
 * @throws {@link ConfigError} saying what is wrong, and where
 */
export function parseLua(source: string): LuaSyntax {
  const tokens = tokensOf(source);
  const parser = new Parser(tokens);
  try {
    return { expression: parser.whole(), uses: parser.uses };
  } catch (asExpression) {
    if (!(asExpression instanceof ParserError)) throw asExpression;
    const statements = new Parser(tokens);
    try {
      statements.script();
      return { expression: undefined, uses: statements.uses };
    } catch (asScript) {
      if (!(asScript instanceof ParserError)) throw asScript;
      // Who wrote a script has come further with it as a script.
      throw (asScript.at > asExpression.at ? asScript : asExpression).of(source);
    }
  }
}

class ParserError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }

  of(source: string): ConfigError {
    return syntaxError(source, this.at, this.message);
  }
}

/** An expression that may stand at the left of an assignment, or as a statement. */
interface Suffixed {
  readonly expression: LuaExpression;
  readonly form: "name" | "index" | "call" | "closed";
  /** A name that is not local, and the field that is read from it. */
  readonly free?: Omit<NameUse, "as">;
  readonly local?: string;
}

/** How tightly operators bind, to the left and to the right. */
const priorities: Readonly<Record<string, readonly [left: number, right: number]>> = {
  or: [1, 1],
  and: [2, 2],
  "<": [3, 3],
  ">": [3, 3],
  "<=": [3, 3],
  ">=": [3, 3],
  "~=": [3, 3],
  "==": [3, 3],
  "|": [4, 4],
  "~": [5, 5],
  "&": [6, 6],
  "<<": [7, 7],
  ">>": [7, 7],
  "..": [9, 8],
  "+": [10, 10],
  "-": [10, 10],
  "*": [11, 11],
  "/": [11, 11],
  "//": [11, 11],
  "%": [11, 11],
  "^": [14, 13],
};
const unaryPriority = 12;

const other: LuaExpression = { kind: "other" };

/** Lua itself refuses what is nested about so deep. */
const maxDepth = 180;

class Parser {
  readonly uses: NameUse[] = [];
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;
  #returns = false;
  /** The local names, the innermost scope last; true for those that cannot be assigned to. */
  readonly #scopes: Map<string, boolean>[] = [new Map()];
  /** Of the functions around, whether they take any number of arguments, and how many loops are open in them. */
  readonly #functions = [{ isVariadic: true, loops: 0 }];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): LuaExpression {
    const expression = this.#expression();
    this.#end();
    return expression;
  }

  script(): void {
    this.#block();
    this.#end();
    if (!this.#returns) throw new ParserError("the script never returns anything", this.#token.at);
  }

  #end(): void {
    if (!this.#is("end of the text")) throw this.#unexpected("end of the text");
  }

  get #token(): Token {
    const token = this.#tokens[this.#position];
    if (!token) throw new RangeError("read behind the end");
    return token;
  }

  #is(kind: string): boolean {
    return this.#token.kind === kind;
  }

  #take(): Token {
    const token = this.#token;
    this.#position++;
    return token;
  }

  #skip(kind: string): boolean {
    const isThere = this.#is(kind);
    if (isThere) this.#position++;
    return isThere;
  }

  #expect(kind: string): Token {
    if (!this.#is(kind)) throw this.#unexpected(kind === "name" ? "a name" : kind);
    return this.#take();
  }

  #unexpected(expected: string): ParserError {
    const { kind, text, at } = this.#token;
    const got = kind === "end of the text" ? kind : text;
    return new ParserError(`expected ${quoted(expected)}, got ${quoted(got)}`, at);
  }

  #nested<T>(work: () => T): T {
    if (++this.#depth > maxDepth) throw new ParserError("it is nested too deeply", this.#token.at);
    const result = work();
    this.#depth--;
    return result;
  }

  // Names

  #declare(name: string, isConstant = false): void {
    this.#scopes.at(-1)?.set(name, isConstant);
  }

  #scoped(work: () => void): void {
    this.#scopes.push(new Map());
    work();
    this.#scopes.pop();
  }

  /** Undefined for a name that is not local. */
  #isConstant(name: string): boolean | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name);
  }

  #use({ free }: Suffixed, as: NameUse["as"]): void {
    if (free) this.uses.push({ ...free, as });
  }

  // Statements

  /** Up to what ends a block. */
  #block(): void {
    for (;;) {
      if (["end of the text", "end", "else", "elseif", "until"].some((kind) => this.#is(kind))) return;
      if (this.#skip("return")) {
        if (!["end of the text", "end", "else", "elseif", "until", ";"].some((kind) => this.#is(kind))) this.#list();
        this.#skip(";");
        this.#returns ||= this.#functions.length === 1;
        return;
      }
      this.#nested(() => this.#statement());
    }
  }

  #closedBlock(end = "end"): void {
    this.#scoped(() => this.#block());
    this.#expect(end);
  }

  /** What begins with a keyword. */
  readonly #statements: ReadonlyMap<string, () => void> = new Map([
    [";", () => void this.#take()],
    ["if", () => this.#if()],
    ["while", () => this.#while()],
    ["do", () => this.#do()],
    ["for", () => this.#for()],
    ["repeat", () => this.#repeat()],
    ["function", () => this.#functionStatement()],
    ["local", () => this.#local()],
    ["break", () => this.#break()],
    ["goto", () => this.#refuseGoto()],
    ["::", () => this.#refuseGoto()],
  ]);

  #statement(): void {
    const statement = this.#statements.get(this.#token.kind);
    if (statement) statement();
    else this.#assignmentOrCall();
  }

  #do(): void {
    this.#take();
    this.#closedBlock();
  }

  #break(): void {
    const { at } = this.#take();
    if (!this.#functions.at(-1)?.loops) throw new ParserError("there is no loop to break out of", at);
  }

  #refuseGoto(): void {
    throw new ParserError("a condition cannot have goto", this.#token.at);
  }

  #while(): void {
    this.#take();
    this.#expression();
    this.#expect("do");
    this.#loop(() => this.#closedBlock());
  }

  #if(): void {
    do {
      this.#take();
      this.#expression();
      this.#expect("then");
      this.#scoped(() => this.#block());
    } while (this.#is("elseif"));
    if (this.#skip("else")) this.#scoped(() => this.#block());
    this.#expect("end");
  }

  #loop(body: () => void): void {
    const around = this.#functions.at(-1);
    if (around) around.loops++;
    body();
    if (around) around.loops--;
  }

  #for(): void {
    this.#take();
    const names = [this.#expect("name").text];
    if (this.#skip("=")) {
      this.#expression();
      this.#expect(",");
      this.#expression();
      if (this.#skip(",")) this.#expression();
    } else {
      while (this.#skip(",")) names.push(this.#expect("name").text);
      this.#expect("in");
      this.#list();
    }
    this.#expect("do");
    this.#scoped(() => {
      for (const name of names) this.#declare(name);
      this.#loop(() => this.#closedBlock());
    });
  }

  /** Its condition sees the locals of its body. */
  #repeat(): void {
    this.#take();
    this.#scoped(() => {
      this.#loop(() => this.#block());
      this.#expect("until");
      this.#expression();
    });
  }

  #functionStatement(): void {
    this.#take();
    let target = this.#name();
    let isMethod = false;
    while (!isMethod && (this.#is(".") || this.#is(":"))) {
      isMethod = this.#take().kind === ":";
      target = indexed(target, this.#expect("name").text);
    }
    this.#assign(target);
    this.#body(isMethod);
  }

  #local(): void {
    this.#take();
    if (this.#skip("function")) this.#localFunction();
    else this.#localNames();
  }

  #localFunction(): void {
    this.#declare(this.#expect("name").text);
    this.#body(false);
  }

  #localNames(): void {
    const names: [string, boolean][] = [];
    let closes = 0;
    do {
      const name = this.#expect("name").text;
      const attribute = this.#skip("<") ? this.#expect("name") : undefined;
      if (attribute) {
        if (attribute.text !== "const" && attribute.text !== "close") {
          throw new ParserError(`there is no attribute ${attribute.text}`, attribute.at);
        }
        if (attribute.text === "close" && ++closes > 1) throw new ParserError("only one can be <close>", attribute.at);
        this.#expect(">");
      }
      names.push([name, attribute !== undefined]);
    } while (this.#skip(","));
    if (this.#skip("=")) this.#list();
    for (const [name, isConstant] of names) this.#declare(name, isConstant);
  }

  #assignmentOrCall(): void {
    const { at } = this.#token;
    const first = this.#suffixed();
    if (first.form === "call" && !this.#is("=") && !this.#is(",")) return;
    const targets = [first];
    while (this.#skip(",")) targets.push(this.#nested(() => this.#suffixed()));
    if (targets.some(({ form }) => form !== "name" && form !== "index")) {
      throw new ParserError("expected a call, or something that can be given a value", at);
    }
    this.#expect("=");
    this.#list();
    for (const target of targets) this.#assign(target, at);
  }

  #assign(target: Suffixed, at = this.#token.at): void {
    if (target.form === "name" && target.local !== undefined && this.#isConstant(target.local)) {
      throw new ParserError(`${target.local} is constant`, at);
    }
    this.#use(target, target.form === "name" ? "assignment" : "value");
  }

  // Expressions

  #list(): void {
    do this.#expression();
    while (this.#skip(","));
  }

  #expression(limit = 0): LuaExpression {
    return this.#nested(() => {
      let left = this.#unary();
      for (;;) {
        const { kind } = this.#token;
        const [before, behind] = Object.hasOwn(priorities, kind) ? (priorities[kind] ?? [0, 0]) : [0, 0];
        if (before <= limit) return left;
        this.#take();
        left = binary(kind, left, this.#expression(behind));
      }
    });
  }

  #unary(): LuaExpression {
    const { kind } = this.#token;
    if (kind !== "not" && kind !== "#" && kind !== "-" && kind !== "~") return this.#simple();
    this.#take();
    const operand = this.#expression(unaryPriority);
    if (kind === "not") return { kind, operand };
    if (kind === "#") return { kind: "length", operand };
    return kind === "-" ? negated(operand) : other;
  }

  #simple(): LuaExpression {
    const { kind, value, at } = this.#token;
    switch (kind) {
      case "number":
      case "string":
        this.#take();
        return value === undefined ? other : { kind: "constant", value };
      case "nil":
        this.#take();
        return { kind: "constant", value: undefined };
      case "true":
      case "false":
        this.#take();
        return { kind: "constant", value: kind === "true" };
      case "...":
        this.#take();
        if (!this.#functions.at(-1)?.isVariadic) throw new ParserError("there is no ... in this function", at);
        return other;
      case "{":
        this.#table();
        return other;
      case "function":
        this.#take();
        this.#body(false);
        return other;
      default: {
        const suffixed = this.#suffixed();
        this.#use(suffixed, "value");
        return suffixed.expression;
      }
    }
  }

  #name(): Suffixed {
    const { text, at } = this.#expect("name");
    if (text === "_ENV") throw new ParserError("a condition cannot have _ENV", at);
    if (this.#isConstant(text) !== undefined) return { expression: other, form: "name", local: text };
    // What the values of a cache call null is nil, as an unknown name is.
    if (text === "null") return { expression: { kind: "constant", value: undefined }, form: "name" };
    return { expression: { kind: "name", name: text }, form: "name", free: { name: text, at } };
  }

  #suffixed(): Suffixed {
    let left = this.#primary();
    for (;;) {
      switch (this.#token.kind) {
        case ".":
          this.#take();
          left = indexed(left, this.#expect("name").text);
          break;
        case "[": {
          this.#take();
          this.#use(left, "value");
          const key = this.#expression();
          this.#expect("]");
          left = { expression: { kind: "index", object: left.expression, key }, form: "index" };
          break;
        }
        case ":":
          this.#take();
          this.#expect("name");
          this.#use(left, "value");
          this.#args();
          left = { expression: other, form: "call" };
          break;
        case "(":
        case "{":
        case "string":
          this.#use(left, "call");
          this.#args();
          left = { expression: other, form: "call" };
          break;
        default:
          return left;
      }
    }
  }

  #primary(): Suffixed {
    if (!this.#is("(")) {
      if (!this.#is("name")) throw this.#unexpected("a value");
      return this.#name();
    }
    this.#take();
    const expression = this.#expression();
    this.#expect(")");
    return { expression, form: "closed" };
  }

  #args(): void {
    if (this.#skip("string")) return;
    if (this.#is("{")) {
      this.#table();
      return;
    }
    this.#expect("(");
    if (!this.#is(")")) this.#list();
    this.#expect(")");
  }

  #table(): void {
    this.#expect("{");
    while (!this.#is("}")) {
      if (this.#skip("[")) {
        this.#expression();
        this.#expect("]");
        this.#expect("=");
      } else if (this.#is("name") && this.#tokens[this.#position + 1]?.kind === "=") {
        this.#position += 2;
      }
      this.#expression();
      if (!this.#skip(",") && !this.#skip(";")) break;
    }
    this.#expect("}");
  }

  #body(isMethod: boolean): void {
    this.#nested(() =>
      this.#scoped(() => {
        if (isMethod) this.#declare("self");
        this.#functions.push({ isVariadic: this.#parameters(), loops: 0 });
        this.#closedBlock();
        this.#functions.pop();
      }),
    );
  }

  /** Whether there may be any number of them. */
  #parameters(): boolean {
    this.#expect("(");
    let isVariadic = false;
    if (!this.#is(")")) {
      do {
        isVariadic = this.#skip("...");
        if (!isVariadic) this.#declare(this.#expect("name").text);
      } while (!isVariadic && this.#skip(","));
    }
    this.#expect(")");
    return isVariadic;
  }
}

function indexed(left: Suffixed, field: string): Suffixed {
  const { expression, free } = left;
  const key: LuaExpression = { kind: "constant", value: field };
  const deeper = free && { free: free.field === undefined ? { ...free, field } : free };
  return { expression: { kind: "index", object: expression, key }, form: "index", ...deeper };
}

function binary(operator: string, left: LuaExpression, right: LuaExpression): LuaExpression {
  switch (operator) {
    case "and":
    case "or":
    case "==":
    case "~=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return { kind: operator, left, right };
    default:
      return other;
  }
}

function negated(operand: LuaExpression): LuaExpression {
  if (operand.kind !== "constant") return other;
  const { value } = operand;
  if (typeof value === "number") return { kind: "constant", value: -value };
  return typeof value === "bigint" ? { kind: "constant", value: BigInt.asIntN(64, -value) } : other;
}

function quoted(text: string): string {
  return /^[a-z ]+$/.test(text) ? text : JSON.stringify(text);
}
