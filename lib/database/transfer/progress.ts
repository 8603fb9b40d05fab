/** Says how far a table is, once a second at most, and only where it takes more than a second. */
export class Progress {
  private said: number
  private readonly name: string
  private readonly output: (line: string) => void
  private readonly now: () => number

  /** @param now milliseconds of a clock that only goes on */
  constructor(name: string, output: (line: string) => void, now = () => performance.now()) {
    this.name = name
    this.output = output
    this.now = now
    this.said = now()
  }

  /** Rows, where they are known, and bytes so far; `all` is how many bytes there are. */
  tell({ rows, bytes, all }: { rows?: number; bytes: number; all?: number }): void {
    const now = this.now()
    if (now - this.said < 1000) return
    this.said = now
    const parts = [
      ...(rows === undefined ? [] : [`${rows} rows`]),
      `${megabytes(bytes)}${all === undefined ? '' : ` of ${megabytes(all)}`} MB`,
    ]
    this.output(`${this.name}: ${parts.join(', ')} so far`)
  }
}

const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1)
