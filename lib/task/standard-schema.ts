/**
 * The interface of Standard Schema, version 1 (https://standardschema.dev): what zod, valibot, arktype and others implement, so
 * that an argument takes any of their schemas without this package importing one. The specification asks to copy it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** A valid value, or everything that is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<{ readonly message: string; readonly path?: ReadonlyArray<unknown> | undefined }> }

/** The type that a schema's validation gives. */
export type StandardOutput<Schema> =
  Schema extends StandardSchema<unknown, infer Output>
    ? Output
    : Schema extends { readonly '~standard': { readonly types?: { readonly output: infer Output } | undefined } }
      ? Output
      : unknown
