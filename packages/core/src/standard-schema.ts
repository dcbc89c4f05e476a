import type { JsonSchema } from "./model.ts";

/**
 * What zod, valibot, arktype and others share: the Standard Schema interface, version 1
 * (https://standardschema.dev), as far as it is used here.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Standard JSON Schema: zod from 4.2, arktype from 2.1.28, valibot through `toStandardJsonSchema()`. */
    readonly jsonSchema?: { readonly input: (options: { target: "draft-07" }) => Record<string, unknown> };
  };
}

/** What a Standard Schema says of a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One way in which a value does not fit. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A schema that a tool or an output can be described with. */
export type Schema = StandardSchema | JsonSchema;

/** The type of the values that a schema accepts and gives; `unknown` for a JSON Schema. */
export type OutputOf<S> = S extends StandardSchema<unknown, infer Output> ? Output : unknown;
