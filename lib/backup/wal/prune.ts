import { type Failure, FailureError, failed, ok } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { Handler } from '../../model/platform.ts'
import { type BackupOwner, readCatalogue } from '../catalogue.ts'
import { openTarget } from '../targets/index.ts'
import type { Target } from '../targets/target.ts'
import { listStreams, streamPrefix } from './archive.ts'

type Pruned = OpData<'prune-wal'>['streams'][number]

/** Removes WAL that no backup needs. Looks again: what a backup that is there needs stays, whatever the plan says. */
export function pruneWal(ports: BackupOwner & { folder: string }): Handler<'prune-wal'> {
  return {
    async run({ data }, { secrets, output, signal }) {
      const targets = data.targets.map((target) => openTarget(target, { folder: ports.folder, secrets }))
      let removed = 0
      try {
        const { entries, failures } = await readCatalogue(targets, ports)
        const [unread] = failures
        // Backups that nobody sees now may need it.
        if (unread) return failed(unread.failure)
        for (const one of data.streams) {
          const needed = entries
            .flatMap(({ manifest }) => manifest?.sources.flatMap(({ wal }) => wal ?? []) ?? [])
            .filter(({ stream }) => stream === one.stream)
            .map(({ first }) => first)
            .sort()[0]
          if (one.before === null && needed !== undefined) {
            output(`${one.stream} stays: a backup needs it`)
            continue
          }
          for (const target of targets) {
            signal.throwIfAborted()
            removed += await prune(ports, target, { ...one, before: least(one.before, needed) }, signal)
          }
        }
        return ok({ message: removed === 0 ? 'nothing was left to remove' : `removed ${removed} files` })
      } catch (error) {
        if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
        throw error
      }
    },
    check: async () => 'pending',
  }
}

const least = (a: string | null, b: string | undefined): string | null =>
  a !== null && b !== undefined && b < a ? b : a

async function prune(
  owner: BackupOwner,
  target: Target,
  { stream, before }: Pruned,
  signal: AbortSignal,
): Promise<number> {
  const { segments = [], partials = [] } = (await listStreams(target, owner)).get(stream) ?? {}
  const prefix = streamPrefix(owner, stream)
  const items = [...segments, ...partials].filter((item) => before === null || item.slice(0, 24) < before)
  for (const item of items) {
    signal.throwIfAborted()
    await target.remove(`${prefix}${item}/`)
  }
  if (before === null) await target.remove(prefix)
  return items.length
}
