import { jsonRenderer } from './json.ts'
import { liveRenderer } from './live.ts'
import { plainRenderer } from './plain.ts'
import type { Renderer, RendererOptions } from './renderer.ts'

/** The renderer for how the command was called: `live` redraws a terminal, `plain` appends lines, `json` appends one event a line. */
export function createRenderer(
  options: RendererOptions & { output: 'live' | 'plain' | 'json'; env: Readonly<Record<string, string | undefined>> },
): Renderer {
  switch (options.output) {
    case 'json':
      return jsonRenderer(options)
    case 'live':
      return liveRenderer(options)
    case 'plain':
      return plainRenderer(options, { groups: options.env.GITHUB_ACTIONS === 'true' })
  }
}
