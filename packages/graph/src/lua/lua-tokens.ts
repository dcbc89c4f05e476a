import { ConfigError } from "millrace";
import { shortened } from "./lua-error.ts";
import { ofInteger } from "./lua-value.ts";

/** A piece of a source. */
export interface Token {
  /** `name`, `string`, `number` or `end of the text`; a keyword or symbol is its own kind. */
  readonly kind: string;
  /** As it stands in the source. */
  readonly text: string;
  /** Of a string or number. Undefined for one that JavaScript has no equal for, such as bytes that are no text. */
  readonly value?: string | number | bigint | undefined;
  /** Where it begins. */
  readonly at: number;
}

const keywords = new Set([
  ...["and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil"],
  ...["not", "or", "repeat", "return", "then", "true", "until", "while"],
]);

const space = /[ \t\n\r\v\f]+/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const symbol = /\.\.\.|\.\.|==|~=|<=|>=|<<|>>|\/\/|::|[-+*/%^#&~|<>=(){}[\];:,.]/y;
const numeral = /(?:0[xX](?:[pP][+-]|[\w.])*|\.?[0-9](?:[eE][+-]|[\w.])*)/y;
const longBracket = /\[(=*)\[/y;
const decimalForm = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const hexForm = /^0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?$/i;

/**
 * Cuts a source of Lua 5.4 into tokens.
 *
 * @throws {@link ConfigError} where it is none
 */
export function tokensOf(source: string): Token[] {
  const lexer = new Lexer(source);
  const tokens: Token[] = [];
  do tokens.push(lexer.next());
  while (tokens.at(-1)?.kind !== "end of the text");
  return tokens;
}

/** What is wrong with a source, and where. */
export function syntaxError(source: string, at: number, problem: string): ConfigError {
  const before = source.slice(0, at).split("\n");
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  return new ConfigError("lua", `${problem} (${place} of ${shortened(source)})`);
}

class Lexer {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  next(): Token {
    while (this.#match(space) || this.#comment());
    const at = this.#at;
    if (at >= this.#source.length) return { kind: "end of the text", text: "", at };
    const word = this.#match(name)?.[0];
    if (word !== undefined) return { kind: keywords.has(word) ? word : "name", text: word, at };
    const digits = this.#match(numeral)?.[0];
    if (digits !== undefined) return { kind: "number", text: digits, value: this.#numberOf(digits, at), at };
    const first = this.#source[at];
    if (first === '"' || first === "'") return this.#token("string", at, this.#quoted(first));
    const long = this.#match(longBracket);
    if (long) return this.#token("string", at, this.#long(long[1] ?? "", at));
    const sign = this.#match(symbol)?.[0];
    if (sign !== undefined) return { kind: sign, text: sign, at };
    throw this.#error(`there is no ${JSON.stringify(first)} in Lua`, at);
  }

  #token(kind: string, at: number, value: string | undefined): Token {
    return { kind, text: this.#source.slice(at, this.#at), value, at };
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }

  #comment(): boolean {
    if (!this.#source.startsWith("--", this.#at)) return false;
    const at = this.#at;
    this.#at += 2;
    const long = this.#match(longBracket);
    if (long) this.#long(long[1] ?? "", at);
    else this.#match(/[^\n\r]*/y);
    return true;
  }

  /** What stands between long brackets, without a first line end. */
  #long(level: string, at: number): string {
    const close = `]${level}]`;
    const end = this.#source.indexOf(close, this.#at);
    if (end < 0) throw this.#error(`what begins here has no end, ${close}`, at);
    const content = this.#source.slice(this.#at, end).replaceAll(/\r\n|\n\r|\r/g, "\n");
    this.#at = end + close.length;
    return content.replace(/^\n/, "");
  }

  #quoted(quote: string): string | undefined {
    const start = this.#at++;
    const bytes: number[] = [];
    for (;;) {
      const character = this.#source.codePointAt(this.#at);
      if (character === undefined || character === 10 || character === 13) {
        throw this.#error("the text that begins here has no end", start);
      }
      const text = String.fromCodePoint(character);
      if (text === "\\") {
        this.#escape(bytes);
        continue;
      }
      this.#at += text.length;
      if (text === quote) return textOf(bytes);
      bytes.push(...new TextEncoder().encode(text));
    }
  }

  #escape(bytes: number[]): void {
    const at = this.#at++;
    const simple = this.#match(/[abfnrtv\\"']/y)?.[0];
    const lineEnd = this.#match(/\r\n|\n\r|\n|\r/y);
    if (simple !== undefined) bytes.push(escapes[simple] ?? simple.charCodeAt(0));
    else if (lineEnd) bytes.push(10);
    else if (this.#match(/z/y)) this.#match(space);
    else {
      const hex = this.#match(/x([0-9A-Fa-f]{2})/y)?.[1];
      const decimal = this.#match(/[0-9]{1,3}/y)?.[0];
      const point = this.#match(/u\{([0-9A-Fa-f]+)\}/y)?.[1];
      if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
      else if (decimal !== undefined && Number(decimal) < 256) bytes.push(Number(decimal));
      else if (point !== undefined && Number.parseInt(point, 16) < 2 ** 31) bytes.push(...encoded(point));
      else throw this.#error("there is no such escape in a text", at);
    }
  }

  #numberOf(digits: string, at: number): number | bigint | undefined {
    if (/^0x[0-9a-f]+$/i.test(digits)) return ofInteger(BigInt.asIntN(64, BigInt(digits)));
    if (/^[0-9]+$/.test(digits)) return ofInteger(BigInt(digits));
    if (decimalForm.test(digits)) return Number(digits);
    if (hexForm.test(digits)) return undefined;
    throw this.#error(`${digits} is no number`, at);
  }

  #error(problem: string, at: number): ConfigError {
    return syntaxError(this.#source, at, problem);
  }
}

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** The bytes of a code point; of one that Unicode does not have, bytes that are no text either. */
function encoded(hex: string): Iterable<number> {
  const point = Number.parseInt(hex, 16);
  const isText = point < 0xd800 || (point > 0xdfff && point < 0x110000);
  return isText ? new TextEncoder().encode(String.fromCodePoint(point)) : [0xff];
}

function textOf(bytes: readonly number[]): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}
