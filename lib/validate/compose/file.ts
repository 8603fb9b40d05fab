import type { YamlFile } from '../../manifest/yaml-file.ts'

/** The names under which Compose finds its file in a folder, in the order of preference. */
export const composeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const

/** What a Compose file mounts of the workspace, by content. */
export type Mounted =
  /** A file, or a folder: the files below it by their path in it (`''` for a file). */
  | { files: Record<string, string> }
  /** Why it cannot be kept by content. */
  | { problem: string }

/** A service's Compose file as read, with what it mounts. */
export type ComposeFile = {
  /** Relative to the workspace. */
  path: string
  yaml: YamlFile
  /** By the path as the file says it (`./nginx.conf`). */
  mounted: Record<string, Mounted>
}

/** A mapping, or nothing. */
export const mapping = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

/** A list, or nothing. */
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** A value with YAML's merge keys (`<<: *base`) put in; what a mapping says itself goes before. */
export function withMergeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMergeKeys)
  if (value === null || typeof value !== 'object') return value
  const { '<<': merged, ...own } = value as Record<string, unknown>
  const bases = (Array.isArray(merged) ? merged : [merged]).map((base) => mapping(withMergeKeys(base)))
  const result = Object.assign({}, ...bases.reverse())
  for (const [key, entry] of Object.entries(own)) result[key] = withMergeKeys(entry)
  return result
}

/** A volume of a Compose service in its long form; undefined for one that cannot be read. */
export type ComposeVolume = { type: string; source?: string; target: string; readOnly: boolean; raw: unknown }

/** Reads the short (`./nginx.conf:/etc/nginx.conf:ro`) or long form of a volume. */
export function readVolume(raw: unknown): ComposeVolume | undefined {
  if (typeof raw === 'string') {
    const parts = raw.split(':')
    if (parts.length === 1) return { type: 'volume', target: raw, readOnly: false, raw }
    const [source = '', target = '', options = ''] = parts
    const type = /^[./~$]/.test(source) ? 'bind' : 'volume'
    return { type, source, target, readOnly: options.split(',').includes('ro'), raw }
  }
  const { type, source, target, read_only: readOnly } = mapping(raw)
  if (typeof target !== 'string') return undefined
  return {
    type: typeof type === 'string' ? type : 'volume',
    ...(typeof source === 'string' && { source }),
    target,
    readOnly: readOnly === true,
    raw,
  }
}

/** The paths of the workspace that a Compose file mounts, as it says them: sources of binds, files of configs. */
export function mountedPaths(value: unknown): string[] {
  const { services, configs } = mapping(withMergeKeys(value))
  const binds = Object.values(mapping(services)).flatMap((service) =>
    list(mapping(service).volumes).flatMap((raw) => {
      const volume = readVolume(raw)
      return volume?.type === 'bind' && volume.source?.startsWith('.') ? [volume.source] : []
    }),
  )
  const files = Object.values(mapping(configs)).flatMap((config) => {
    const { file } = mapping(config)
    return typeof file === 'string' ? [file] : []
  })
  return [...new Set([...binds, ...files])]
}
