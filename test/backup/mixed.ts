import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestDigest } from '../../lib/backup/catalogue.ts'
import type { BackupManifest } from '../../lib/model/backup.ts'
import type { Bench } from './support.ts'

/** Makes a backup of the files of one and the record of contents of another, as if the restore came to something else. Returns its number. */
export async function writeMixed(bench: Bench, of: { contents: number; rest: number }): Promise<number> {
  const number = 900
  const root = join(bench.target, 'test0000/dev')
  const at = (n: number) => join(root, String(n).padStart(6, '0'))
  cpSync(at(of.rest), at(number), { recursive: true })
  const name = readdirSync(at(of.contents)).find((one) => one.includes('contents')) ?? ''
  cpSync(join(at(of.contents), name), join(at(number), name))
  const from = JSON.parse(readFileSync(join(at(of.contents), 'manifest.json'), 'utf8')) as BackupManifest
  const { digest: _, ...manifest } = JSON.parse(
    readFileSync(join(at(of.rest), 'manifest.json'), 'utf8'),
  ) as BackupManifest
  const files = manifest.files.map(
    (file) => from.files.find((one) => one.holds === 'contents' && one.name === file.name) ?? file,
  )
  const rest = { ...manifest, number, files }
  writeFileSync(join(at(number), 'manifest.json'), JSON.stringify({ ...rest, digest: manifestDigest(rest) }))
  const bytes = readFileSync(join(at(number), name))
  const recorded = files.find((file) => file.name === name)
  if (createHash('sha256').update(bytes).digest('hex') !== recorded?.sha256)
    throw new Error('the mixed backup is not whole')
  return number
}
