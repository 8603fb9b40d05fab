/** Pieces from one side to the other, one at a time: who gives waits until it was taken. */
export class Channel {
  private waiting: { piece: Buffer; taken: () => void; refused: (error: unknown) => void } | undefined
  private wake: (() => void) | undefined
  private ended = false
  private failure: unknown

  /** Gives a piece; rejects once the other side takes no more. */
  give(piece: Buffer): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((taken, refused) => {
      this.waiting = { piece, taken, refused }
      this.wake?.()
    })
  }

  /** There is no more. */
  end(): void {
    this.ended = true
    this.wake?.()
  }

  /** Ends both sides with an error. */
  fail(error: unknown): void {
    this.failure ??= error
    this.waiting?.refused(this.failure)
    this.waiting = undefined
    this.wake?.()
  }

  async *pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      const next = this.waiting
      if (next) {
        this.waiting = undefined
        next.taken()
        yield next.piece
      } else if (this.ended) return
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
    }
  }
}
