/*
 * Answers `task services status` of an environment on Docker where a note of the last one holds (tasks/support/services-note.ts): then the engine alone is asked,
 * over its socket, and nothing is loaded of what reads and checks a workspace.
 */
import type { ServicesNote } from '../../tasks/support/services-note.ts'
import { currentServicesNote } from '../../tasks/support/services-note.ts'
import { statusTable } from '../../tasks/support/status-table.ts'
import { engineSocket } from '../platform/docker/engine-socket.ts'
import { type QuickLook, quickLook, recordsMark, writtenNs } from '../platform/docker/quick-look.ts'
import { serviceStates } from '../platform/docker/state.ts'
import { isTerminal, writeAll } from './standard-streams.ts'
import { hasColor } from './terminal.ts'

/** Prints the status, where it is known what to ask and everything is as usual; whether it did. The rest is for the command itself to tell. */
export async function printServices(argv: readonly string[]): Promise<boolean> {
  try {
    const answer = await servicesAnswer(argv)
    if (answer !== undefined) writeAll(1, answer)
    return answer !== undefined
  } catch {
    return false
  }
}

async function servicesAnswer(argv: readonly string[]): Promise<string | undefined> {
  const note = currentServicesNote(argv)
  if (note === undefined) return undefined
  const { environment, services, workspaceId, containers, docker } = note
  const socket = engineSocket(docker, process.env)
  if (socket === undefined) return undefined
  const [seen, isRecorded] = await Promise.all([
    quickLook(socket, { workspaceId, environment }, containers),
    isRecordedAsNoted(socket, note),
  ])
  if (!isRecorded || hasWork(seen, note)) return undefined
  const published = new Map(services.map(({ name, spec }) => [name, spec?.docker?.published ?? []]))
  const known = serviceStates(seen.containers, new Date(), (name) => published.get(name) ?? [])
  const states = services.flatMap(({ name }) => known.filter(({ service }) => service === name))
  if (argv.includes('--json')) {
    const result = { platform: 'docker', environment, services: states }
    return `${JSON.stringify({ task: 'services status', outcome: 'done', exitCode: 0, result })}\n`
  }
  const isShown = isTerminal(1)
  return statusTable(
    states,
    { services },
    {
      color: hasColor({ isTTY: isShown }, undefined, process.env),
      columns: isShown ? (process.stdout.columns ?? 80) : 80,
      isTerminal: isShown,
    },
  )
}

/** Whether somebody is, or was, at work: of what was left unfinished the command itself tells. */
const hasWork = ({ isLocked, records }: QuickLook, note: ServicesNote): boolean =>
  isLocked || records !== note.records.container

async function isRecordedAsNoted(socket: string, { records }: ServicesNote): Promise<boolean> {
  const { container, mark, folder } = records
  if (folder !== undefined) return writtenNs(folder.path) === folder.mtimeNs
  return (await recordsMark(socket, container)) === mark
}
