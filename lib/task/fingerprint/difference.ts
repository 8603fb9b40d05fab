import { unpackInputs } from './kept-inputs.ts'
import type { OutputChange } from './outputs.ts'
import type { TaskRecord } from './record.ts'
import type { Fingerprint } from './request.ts'

/** Why a task has to run, or would. `name` is the file, argument, variable, need, or file of code; `was` and `is` hold no secret. */
export type Reason = {
  kind:
    | 'first-run'
    | 'not-finished'
    | 'forced'
    | 'input'
    | 'output'
    | 'argument'
    | 'variable'
    | 'need'
    | 'code'
    | 'definition'
    | 'machine'
    | 'folder'
    | 'result'
    | 'unreadable'
    | 'no-fingerprint'
  /** One line, without the task's name. */
  text: string
  name?: string
  /** Of code: what the file declares. */
  binding?: string
  was?: string
  is?: string
}

/** What a piece of code is called. */
const declared = (binding: string): string =>
  binding === '' ? 'what runs when it is loaded' : binding === 'default' ? 'the default export' : binding

/** At most so many files are named one by one. */
const most = 20

/** What differs between a task as it is now and its last good run; empty when nothing does. */
export function differences(now: Fingerprint, before: TaskRecord): Reason[] {
  const { parts } = before
  if (now.key === before.key) return []
  const reasons: Reason[] = []
  if (now.parts.inputs !== parts.inputs) reasons.push(...inputReasons(now, before))
  const shownOf = (prefix: string, name: string): { was?: string; is?: string } => {
    const was = before.shown[`${prefix}.${name}`]
    const is = now.shown[`${prefix}.${name}`]
    return was === undefined || is === undefined ? {} : { was, is }
  }
  for (const name of changedNames(now.parts.args, parts.args)) {
    const values = shownOf('args', name)
    reasons.push({ kind: 'argument', name, ...values, text: `argument ${name} changed${arrow(values)}` })
  }
  for (const name of changedNames(now.parts.env, parts.env)) {
    const values = shownOf('env', name)
    reasons.push({ kind: 'variable', name, ...values, text: `variable ${name} changed${arrow(values)}` })
  }
  for (const name of changedNames(now.parts.dotenv ?? {}, parts.dotenv ?? {})) {
    reasons.push({ kind: 'variable', name, text: `variable ${name} of its dotenv files changed` })
  }
  for (const name of changedNames(now.parts.needs, parts.needs)) {
    reasons.push({ kind: 'need', name, text: `what ${name} gives changed` })
  }
  for (const name of changedNames(now.parts.code, parts.code)) {
    const verb = name in parts.code ? (name in now.parts.code ? 'changed' : 'is no longer used') : 'is new'
    const values = name.startsWith('package ')
      ? { was: parts.code[name] ?? 'none', is: now.parts.code[name] ?? 'none' }
      : {}
    const [, file, binding] = /^([^#]*)#(.*)$/s.exec(name) ?? []
    const what = file === undefined ? name : `${declared(binding ?? '')} in ${file}`
    const named = file === undefined ? { name } : { name: file, ...(binding ? { binding } : {}) }
    reasons.push({ kind: 'code', ...named, ...values, text: `code: ${what} ${verb}${arrow(values)}` })
  }
  if (now.parts.definition !== parts.definition && !reasons.some(({ kind }) => kind === 'code')) {
    reasons.push({ kind: 'definition', text: 'the definition of the task changed' })
  }
  const { machine, folder } = now.parts
  const machines = { was: parts.machine, is: machine }
  if (machine !== parts.machine)
    reasons.push({ kind: 'machine', ...machines, text: `machine changed${arrow(machines)}` })
  const folders = { was: parts.folder, is: folder }
  if (folder !== parts.folder) reasons.push({ kind: 'folder', ...folders, text: `folder changed${arrow(folders)}` })
  // A newer version may make another key of the same parts.
  return reasons.length > 0 ? reasons : [{ kind: 'definition', text: 'the way of taking fingerprints changed' }]
}

const arrow = ({ was, is }: { was?: string; is?: string }): string =>
  was === undefined || is === undefined ? '' : `: ${was} → ${is}`

function changedNames(now: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => now[name] !== before[name]).sort()
}

function inputReasons({ inputs }: Fingerprint, before: TaskRecord): Reason[] {
  if (inputs === undefined) return [{ kind: 'definition', text: 'it has no inputs any more' }]
  if (before.parts.inputs === undefined) return [{ kind: 'definition', text: 'it has inputs now' }]
  const known = unpackInputs(before.inputs)
  const reasons: Reason[] = []
  for (const [at, path] of inputs.paths.entries()) {
    const was = known.get(path)
    const is = inputs.content(at)
    known.delete(path)
    if (was === is) continue
    if (was === undefined) reasons.push({ kind: 'input', name: path, text: `input ${path} is new` })
    else {
      const values = { was: shortContent(was), is: shortContent(is) }
      reasons.push({
        kind: 'input',
        name: path,
        ...values,
        text: `input ${path} changed: ${values.was} → ${values.is}`,
      })
    }
  }
  for (const path of known.keys()) reasons.push({ kind: 'input', name: path, text: `input ${path} is gone` })
  if (reasons.length <= most) return reasons
  return [...reasons.slice(0, most), { kind: 'input', text: `and ${reasons.length - most} more inputs` }]
}

/** `file 1a2b…` → `1a2b3c4d`; what else there is to say of a file (program, link) stays. */
const shortContent = (content: string): string =>
  content.replace(/[0-9a-f]{64}/, (hash) => hash.slice(0, 8)).replace(/^file /, '')

/** Why outputs keep a task from being up to date. */
export const outputReasons = (changes: readonly OutputChange[]): Reason[] => [
  ...changes.slice(0, most).map(
    ({ path, what }): Reason => ({
      kind: 'output',
      name: path,
      text: `output ${path} ${what === 'deleted' ? 'is gone' : 'is not as the task has left it'}`,
    }),
  ),
  ...(changes.length > most ? [{ kind: 'output' as const, text: `and ${changes.length - most} more outputs` }] : []),
]
