import { table } from '../../lib/log/table.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import type { Release } from '../../lib/model/release.ts'
import { rollbackTarget } from '../../lib/plan/prune.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { openSession } from './session.ts'

/** `task releases` */
export async function runReleases(
  scope: Scope,
  context: TaskContext & { args: { readonly environment: string; readonly platform?: PlatformName | undefined } },
) {
  const { args } = context
  const session = await openSession(scope, context, {
    environment: args.environment,
    platform: args.platform,
    needs: 'record',
  })
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
