import type { StandardSchema } from "millrace";
import { ValidationError } from "./errors.ts";
import {
  type Fields,
  Frozen,
  type FrozenClass,
  isPlainObject,
  plainFields,
  plainValue,
  withoutClass,
} from "./frozen.ts";

/** A piece of a message while it streams. As a string it is its text; it may carry other fields. */
export class Token extends Frozen {
  static override readonly className: string = "Token";
}

/** A piece of text. It may be empty, where it is sent for its fields. */
export class TextToken extends Token {
  static override readonly className: string = "TextToken";
  static override readonly defaults: Fields = { content: null };

  declare readonly content: string | null;

  constructor(content?: string | Fields | null, fields: Fields = {}) {
    super(withContent(content, fields));
  }

  override toString(): string {
    return this.content ?? "";
  }
}

/**
 * What agents send to each other: an immutable object of any fields, known by its {@link Frozen.hashKey}. Messages in its
 * fields stay messages of their own: they are hashed and stored by their keys. One that streams is a `MessagePromise`;
 * one that is there already is its own only token.
 */
export class Message extends Token {
  static override readonly className: string = "Message";
  /** Whether such a message can be made of tokens. */
  static readonly isText: boolean = false;

  /** A message of this class, for code that does not know which class it is. */
  static of(fields: Fields): Message {
    return new this(fields);
  }

  /** The message itself: like its promise, which knows less before it has come. */
  get knownBeforehand(): Frozen {
    return this;
  }

  /**
   * Its only token is itself. TypeScript takes what `for await` gives of a sequence for messages, not for their promises:
   * what can be done with the promise can so be done with the message.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Token, undefined, undefined> {
    yield this;
  }

  /** The plain data that is hashed: a message in a field `x` is there as `x__hash_key`, a list of them as `x__hash_keys`. */
  override serialize(): Record<string, unknown> {
    return plainFields(this, byKeys);
  }

  /** The messages in its fields, to any depth, each before the one that it is in. */
  subMessages(): Message[] {
    const found: Message[] = [];
    collect(Object.values(this), found);
    return found;
  }

  override toString(): string {
    return `\`\`\`json\n${this.fullJson}\n\`\`\``;
  }
}

/**
 * A message of text: its `content`, or its `content_template` with the fields filled in. In a template `{field}` stands for
 * a field, `{field.inner}` for one inside of it, `{{` and `}}` for braces.
 *
 * @example
 * ```ts
 * import { TextMessage } from "@millrace/ensemble";
 *
 * const greeting = new TextMessage({ content_template: "Hello, {name}!", name: "Ada" });
 * console.log(String(greeting)); // Hello, Ada!
 * ```
 */
export class TextMessage extends Message {
  static override readonly className: string = "TextMessage";
  static override readonly defaults: Fields = { content: null, content_template: null };
  static override readonly isText: boolean = true;

  declare readonly content: string | null;
  declare readonly content_template: string | null;

  /** @throws {@link ValidationError} for fields that are no plain data, or that do not fit the schema of the class */
  constructor(content?: string | Fields | null, fields: Fields = {}) {
    super(withContent(content, fields));
    for (const field of ["content", "content_template"]) {
      const value = this.get(field);
      if (value === null || typeof value === "string") continue;
      throw new ValidationError(this.class_, [
        { path: field, message: `expected a string or null, got a ${typeof value}` },
      ]);
    }
  }

  /** The text. A template without one of its fields throws a {@link ValidationError}. */
  override toString(): string {
    return this.content_template === null ? (this.content ?? "") : fillFields(this.content_template, this);
  }
}

/** An error that was made a message. */
export class ErrorMessage extends TextMessage {
  static override readonly className: string = "ErrorMessage";
}

/** A class of messages, as far as it is needed to make one. */
export interface MessageKind {
  readonly className: string;
  readonly isText: boolean;
  of(fields: Fields): Message;
}

/** A class of messages. */
export interface MessageClass<Instance extends Message = Message> extends FrozenClass<Instance>, MessageKind {}

/**
 * A class of messages whose fields a schema checks and types: zod's, or any other Standard Schema that is synchronous.
 * Fields that it does not know are kept, unless it refuses them (`z.strictObject`).
 *
 * @param className its name in the field `class_`, part of the hash
 * @param base what it extends. Default: {@link Message}
 * @example
 * ```ts
 * import { messageClass, TextMessage } from "@millrace/ensemble";
 * import { z } from "zod";
 *
 * const Verdict = messageClass("Verdict", z.object({ score: z.number() }), TextMessage);
 * const verdict = new Verdict({ content: "Well done", score: 9 });
 * console.log(`${verdict} (${verdict.score})`);
 * ```
 */
export function messageClass<Input, Output, Base extends Message = Message>(
  className: string,
  schema: StandardSchema<Input, Output>,
  base?: MessageClass<Base>,
): SchemaMessageClass<Input, Output, Base>;
export function messageClass(className: string, schema: StandardSchema, base: MessageClass = Message): MessageClass {
  return class extends base {
    static override readonly className: string = className;
    static override readonly schema: StandardSchema = schema;
  };
}

/** A class that {@link messageClass} has made. */
export interface SchemaMessageClass<Input, Output, Base extends Message> extends MessageKind {
  new (fields: Input & Fields): Base & Readonly<Output>;
}

function withContent(content: string | Fields | null | undefined, fields: Fields): Fields {
  if (typeof content === "object" && content !== null) return content;
  return content === undefined ? fields : { ...fields, content };
}

/** A field as it is hashed: messages by their keys. */
function byKeys(value: unknown, field: string, into: Record<string, unknown>): unknown {
  if (value instanceof Message) {
    into[`${field}__hash_key`] = value.hashKey;
    return undefined;
  }
  if (isListOfMessages(value)) {
    into[`${field}__hash_keys`] = value.map((message) => message.hashKey);
    return undefined;
  }
  if (Array.isArray(value)) return value.map((entry) => (hasFields(entry) ? nestedByKeys(entry) : plainValue(entry)));
  return hasFields(value) ? nestedByKeys(value) : plainValue(value);
}

/** Whether messages are looked for inside of a value. */
function hasFields(value: unknown): value is object {
  return isPlainObject(value) || (value instanceof Frozen && !(value instanceof Message));
}

function nestedByKeys(value: object): Record<string, unknown> {
  const class_ = value instanceof Frozen ? value.class_ : "Frozen";
  return { class_, ...plainFields(withoutClass(value), byKeys) };
}

function isListOfMessages(value: unknown): value is Message[] {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => entry instanceof Message);
}

/** The messages that {@link byKeys} refers to. */
function collect(values: readonly unknown[], found: Message[]): void {
  for (const value of values) {
    if (value instanceof Message) found.push(...value.subMessages(), value);
    else if (isListOfMessages(value)) collect(value, found);
    else if (Array.isArray(value)) collect(value.filter(hasFields), found);
    else if (hasFields(value)) collect(Object.values(value), found);
  }
}

function fillFields(template: string, message: Message): string {
  return template.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (match, path: string | undefined) => {
    if (match === "{{" || match === "}}") return match.charAt(0);
    const value = path === undefined ? undefined : fieldAt(message, path);
    if (value !== undefined) return shown(value);
    throw new ValidationError(message.class_, [
      {
        path: "content_template",
        message: path === undefined ? `a lone ${match}: write it twice` : `no field ${match}`,
      },
    ]);
  });
}

function fieldAt(message: Message, path: string): unknown {
  let value: unknown = message;
  for (const step of path.split(/[.[\]]+/).filter((key) => key !== "")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    const fields: Record<string, unknown> = Object(value);
    value = fields[step];
  }
  return value === message ? undefined : value;
}

/** A value as a text shows it. */
function shown(value: unknown): string {
  return Array.isArray(value) || isPlainObject(value) ? JSON.stringify(plainValue(value)) : String(value);
}
