import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../support/index.ts'
import { conformLocks } from './locks.ts'

conformLocks('local', async () => {
  const ops = mkdtempSync(join(temporaryFolder(), 'w-'))
  const folderOf = (environment: string) => join(ops, 'locks', environment)
  return {
    place: { platform: 'local', ops },
    other: { platform: 'local', ops: mkdtempSync(join(temporaryFolder(), 'w-')) },
    shortMs: 400,
    async hold(environment, { holder, standing, ttlMs, at }) {
      const folder = folderOf(environment)
      mkdirSync(folder, { recursive: true })
      const ticket = { mode: 'exclusive', holder, standing, ttlMs, monotonicMs: 1, at }
      const beat = async (number: number) =>
        writeFileSync(join(folder, '1.beat'), JSON.stringify({ beat: number, ttlMs, held: true, monotonicMs: 1, at }))
      writeFileSync(join(folder, '1.ticket'), JSON.stringify(ticket))
      await beat(1)
      return beat
    },
    destroy: async (environment) => rmSync(folderOf(environment), { recursive: true }),
    queue: async (environment) => readdirSync(folderOf(environment)).filter((name) => name.endsWith('.ticket')).length,
    chanceMs: 15_000,
    races: 200,
    crowd: 8,
  }
})
