/** A secret's value. Printed, serialised or inspected, it shows `[redacted]`; only `reveal()` gives the value. */
export class Secret {
  readonly #value: string
  /** The name under which configuration refers to it, e.g. `POSTGRES_PASSWORD`. */
  readonly name: string

  constructor(name: string, value: string) {
    this.name = name
    this.#value = value
  }

  /** The value itself. Call it only where it is handed to the program that needs it. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]'
  }
}

/** A secret as records and ops carry it: which one, and a digest under the platform's key that tells two values apart. */
export type SecretReference = { secret: string; digest: string }
