import { posix } from 'node:path'
import { type ComposeFile, list, mapping, readVolume } from './file.ts'

/** What a Compose service sees of the workspace, by content: by path in the container. */
export type SeenFiles = Record<string, { text: string; mode?: number }>

/** A Compose service with the workspace's files apart from it, and what cannot be done. */
export type Separated = {
  service: Record<string, unknown>
  seen: SeenFiles
  problems: { at: (string | number)[]; message: string; why?: string; next?: string }[]
}

/** Takes what a Compose service mounts of the workspace out of it: a release keeps it by content, and another clone has another folder. */
export function separateFiles(
  raw: Record<string, unknown>,
  configs: Record<string, unknown>,
  file: ComposeFile,
): Separated {
  const { volumes, configs: used, ...rest } = raw
  const seen: SeenFiles = {}
  const problems: Separated['problems'] = []
  const kept = list(volumes).filter((entry, index) => {
    const at = ['volumes', index]
    const volume = readVolume(entry)
    if (!volume)
      problems.push({
        at,
        message: 'not a volume that can be read',
        why: 'expected source:target, or a mapping with a target',
      })
    if (volume?.type !== 'bind' || !volume.source?.startsWith('.')) return true
    const mounted = file.mounted[volume.source] ?? { problem: 'it is not there' }
    if ('problem' in mounted) {
      problems.push({ at, message: `${volume.source} cannot be kept with a release: ${mounted.problem}` })
      return false
    }
    const isFolder = !('' in mounted.files)
    if (isFolder && !volume.readOnly) {
      problems.push({
        at,
        message: `${volume.source} is a folder of the workspace that the container may write into`,
        why: 'a release keeps its files by content, and data belong into a volume',
        next: `${volume.source}:${volume.target}:ro, or a named volume`,
      })
    }
    for (const [path, text] of Object.entries(mounted.files)) {
      seen[path === '' ? volume.target : posix.join(volume.target, path)] = { text }
    }
    return false
  })
  const others = list(used).filter((entry, index) => {
    const { source = entry, target, mode } = mapping(entry)
    const config = mapping(configs[String(source)])
    const path = typeof target === 'string' ? target : `/${String(source)}`
    const how = typeof mode === 'number' ? { mode } : {}
    if (typeof config.content === 'string') {
      // What Compose would fill in stays to it.
      return true
    }
    if (typeof config.file !== 'string') return true
    const mounted = file.mounted[config.file] ?? { problem: 'it is not there' }
    if ('problem' in mounted || !('' in mounted.files)) {
      const why = 'problem' in mounted ? mounted.problem : 'it is a folder'
      problems.push({ at: ['configs', index], message: `${config.file} cannot be kept with a release: ${why}` })
    } else seen[path] = { text: mounted.files[''] as string, ...how }
    return false
  })
  return {
    service: {
      ...rest,
      ...(kept.length > 0 && { volumes: kept }),
      ...(others.length > 0 && { configs: others }),
    },
    seen,
    problems,
  }
}
