import type { LogEvent } from './events.ts'

/** Shows events to people or programs. */
export type Renderer = {
  /** Never throws. */
  emit(event: LogEvent): void
  /** Shows what is left and gives the terminal back. */
  end(): Promise<void>
}

/** What renderers are made with; they print nothing themselves. */
export type RendererOptions = {
  write(text: string): void
  color: boolean
  /** The terminal's width. */
  columns: number
}
