/** Says how far a table is, once a second at most, and only where it takes more than a second. */
export class Progress {
  private said = performance.now()
  private readonly name: string
  private readonly output: (line: string) => void

  constructor(name: string, output: (line: string) => void) {
    this.name = name
    this.output = output
  }

  /** Rows and bytes so far. */
  tell({ rows, bytes }: { rows: number; bytes: number }): void {
    const now = performance.now()
    if (now - this.said < 1000) return
    this.said = now
    this.output(`${this.name}: ${rows} rows so far, ${(bytes / 1_048_576).toFixed(1)} MB`)
  }
}
