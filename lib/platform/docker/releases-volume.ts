import { createHash } from 'node:crypto'
import { FailureError, type Result } from '../../model/failure.ts'
import type { Engine } from './engine.ts'
import { hasHoldImage, holdImage, makeHoldImage } from './lock-image.ts'
import { label, labelArguments, type Owner, ownerLabels } from './names.ts'
import { type PackedFile, packFiles, unpackFiles } from './releases-archive.ts'

/** A document as it was last written whole; `seq` is 0 where it never was. `torn`: how many of its two places are not whole. */
export type Kept = { seq: number; text: string; torn: number }
/** A document to be written: `seq` is that of what it replaces, 0 for a new one. */
export type Change = { name: string; seq: number; text: string }

/** Where the volume is mounted in the container through which it is read and written. */
const mount = '/releases'

/** What an environment's records are called on the engine; the workspace's id keeps workspaces of one name apart. */
export const releasesName = ({ workspaceName, workspaceId, environment }: Owner): string =>
  `${workspaceName}-${environment.replace(/[^A-Za-z0-9_.-]/g, '.')}.releases-${workspaceId}`

/**
 * Documents in a named volume, read and written with `docker cp` through a container that is never started: that works on every engine, however
 * far away, and needs no program there. It is made again whenever somebody has pruned it; the volume is not pruned with it.
 *
 * Nothing can be renamed in that way, so each document has two places that are written in turn, with its digest: a write that is cut off leaves
 * the other place, and with it the document before. Failures are `FailureError`s.
 */
export class ReleasesVolume {
  readonly name: string
  readonly #engine: Engine
  readonly #owner: Owner
  #reading: Promise<Map<string, Kept>> | undefined

  /** Takes the volume's name where it is another one than the owner's. */
  constructor(engine: Engine, owner: Owner, name: string = releasesName(owner)) {
    this.#engine = engine
    this.#owner = owner
    this.name = name
  }

  /** All documents by name, in one call of the engine. What was removed has the text ''. */
  read(): Promise<Map<string, Kept>> {
    // Who asks while an answer is on its way gets that one.
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** Writes documents, in that order; each of them whole or not at all. */
  async write(changes: readonly Change[]): Promise<void> {
    const input = await packFiles(changes.flatMap(files))
    const put = () => this.#engine.checked(['cp', '-', `${this.name}:${mount}`], { input })
    const written = await put()
    if (!written.ok) {
      if (await this.#hasContainer()) throw new FailureError(...written.failures)
      await this.#make()
      checked(await put())
    }
    this.#reading = undefined
  }

  async #read(): Promise<Map<string, Kept>> {
    const get = () => this.#engine.checked(['cp', `${this.name}:${mount}`, '-'])
    const archive = await get()
    if (archive.ok) return documents(await unpackFiles(archive.value))
    if (archive.failures[0].code !== 'engine-refused' || (await this.#hasContainer())) {
      throw new FailureError(...archive.failures)
    }
    if (!(await this.#exists(['volume', 'inspect', '--format', '{{.Name}}', this.name]))) return new Map()
    await this.#make()
    return documents(await unpackFiles(checked(await get())))
  }

  #hasContainer(): Promise<boolean> {
    return this.#exists(['container', 'inspect', '--format', '{{.Id}}', this.name])
  }

  async #exists(args: string[]): Promise<boolean> {
    return checked(await this.#engine.run(args)).status === 0
  }

  /** Both steps do nothing where it is there. */
  async #make(): Promise<void> {
    const labels = labelArguments({ ...ownerLabels(this.#owner), [label.role]: 'releases' })
    checked(await this.#engine.checked(['volume', 'create', ...labels, this.name]))
    if (!checked(await hasHoldImage(this.#engine))) checked(await makeHoldImage(this.#engine))
    const volume = ['--volume', `${this.name}:${mount}`]
    const made = await this.#engine.checked([
      ...['create', '--pull', 'never', '--name', this.name, '--network', 'none', ...volume, ...labels],
      holdImage,
    ])
    // Somebody else may have made it at the same moment.
    if (!made.ok && !(await this.#hasContainer())) throw new FailureError(...made.failures)
  }
}

const place = (name: string, seq: number): string => `${name}.${seq % 2}`

/** The place that is written next; what is empty frees the other one too. */
function files({ name, seq, text }: Change): PackedFile[] {
  const next = seq + 1
  const first = { name: place(name, next), content: withDigest(next, text) }
  return text === '' ? [first, { name: place(name, next + 1), content: withDigest(next + 1, text) }] : [first]
}

const withDigest = (seq: number, text: string): string => `${digest(seq, text)} ${seq}\n${text}`
const digest = (seq: number, text: string): string => createHash('sha256').update(`${seq}\n${text}`).digest('hex')

/** Of each document the later of the two places that is whole. */
function documents(files: ReadonlyMap<string, string>): Map<string, Kept> {
  const found = new Map<string, Kept>()
  for (const [path, content] of files) {
    const name = /^releases\/([a-z]+(?:-\d+)?)\.[01]$/.exec(path)?.[1]
    if (name === undefined) continue
    const other = found.get(name) ?? { seq: 0, text: '', torn: 0 }
    const whole = readWhole(content)
    if (whole === undefined) found.set(name, { ...other, torn: other.torn + 1 })
    else found.set(name, whole.seq > other.seq ? { ...whole, torn: other.torn } : other)
  }
  return found
}

function readWhole(content: string): { seq: number; text: string } | undefined {
  const end = content.indexOf('\n')
  const [sum, number] = content.slice(0, end).split(' ')
  const [seq, text] = [Number(number), content.slice(end + 1)]
  return sum === digest(seq, text) ? { seq, text } : undefined
}

function checked<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FailureError(...result.failures)
}
