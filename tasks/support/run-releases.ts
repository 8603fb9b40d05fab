import { table } from '../../lib/log/table.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError } from '../../lib/model/failure.ts'
import type { Release } from '../../lib/model/release.ts'
import { rollbackTarget } from '../../lib/plan/prune.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { releaseText } from './release-text.ts'
import { openSession } from './session.ts'

type Context = TaskContext & { args: { readonly environment: string; readonly platform?: PlatformName | undefined } }

const sessionOf = (scope: Scope, context: Context) =>
  openSession(scope, context, {
    environment: context.args.environment,
    platform: context.args.platform,
    needs: 'record',
  })

/** `task releases show N`. Throws `unknown-release`. */
export async function showRelease(scope: Scope, context: Context & { args: { readonly release: number } }) {
  const { desired, platform } = await sessionOf(scope, context)
  const [releases, current] = await Promise.all([platform.releases.list(), platform.releases.current()])
  const release = releases.find(({ number }) => number === context.args.release)
  if (!release) {
    throw new FailureError({
      code: 'unknown-release',
      message: `there is no release ${context.args.release} of ${desired.environment}`,
      why: releases.length === 0 ? 'it has none yet' : `it has ${releases.map(({ number }) => number).join(', ')}`,
      next: [`task releases ${desired.configuredAs}`],
      outcome: 'unchanged',
    })
  }
  const isCurrent = release.number === current
  return { release, isCurrent, text: (view: View) => releaseText(release, isCurrent, view) }
}

/** `task releases` */
export async function runReleases(scope: Scope, context: Context) {
  const session = await sessionOf(scope, context)
  const { environment } = session.desired
  const [releases, current] = await Promise.all([session.platform.releases.list(), session.platform.releases.current()])
  const target = rollbackTarget(releases, current)?.number
  return {
    environment,
    ...(current === undefined ? {} : { current }),
    ...(target === undefined ? {} : { rollbackTarget: target }),
    releases: releases.map(
      ({ number, revision, commit, created, ended, by, run, outcome, cause, left, only, given, pushed }) => ({
        number,
        revision,
        commit,
        created,
        ended,
        by,
        run,
        outcome,
        cause,
        left,
        only,
        given,
        pushed,
      }),
    ),
    text: (view: View) =>
      releases.length === 0
        ? `${environment} has no release yet: task deploy ${session.desired.configuredAs}\n`
        : table(
            ['release', 'revision', 'commit', 'created', 'by', 'outcome', 'note'],
            [...releases].reverse().map((release) => releaseRow(release, current, target)),
            view,
          ),
  }
}

function releaseRow(release: Release, current: number | undefined, target: number | undefined): string[] {
  const notes = [
    release.number === current ? 'current' : '',
    release.number === target ? 'rollback target' : '',
    release.left ? `left for ${release.left.to}` : '',
    release.only ? `only ${release.only.join(', ')}` : '',
    release.cause ?? '',
  ]
  return [
    String(release.number),
    release.revision,
    release.commit.slice(0, 12),
    release.created.slice(0, 19).replace('T', ' '),
    release.by,
    release.outcome,
    notes.filter((note) => note !== '').join('; '),
  ]
}
