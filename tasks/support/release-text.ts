import { table } from '../../lib/log/table.ts'
import type { RunSpec, Value } from '../../lib/model/desired.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import type { Release } from '../../lib/model/release.ts'
import { withPushed } from '../../lib/plan/images.ts'
import type { View } from '../../lib/task/definition.ts'

/** A release for people: how it came about and ended, what each service runs, its variables (secrets by name), and the schema's last migrations. */
export function releaseText(release: Release, isCurrent: boolean, view: View): string {
  return [
    `release ${release.number} of ${release.environment} (${release.platform}): ${release.outcome}${isCurrent ? ', current' : ''}\n`,
    facts(release)
      .map(([name, text]) => `  ${name.padEnd(10)}${text}\n`)
      .join(''),
    '\n',
    table(
      ['service', 'runs', 'variables'],
      release.services.map(({ service, spec }) => [
        service,
        ...(spec ? specCells(spec, release) : ['not available', '']),
      ]),
      view,
    ),
  ].join('')
}

function facts(release: Release): [name: string, text: string][] {
  const { created, ended, left, only, cause, schema } = release
  const took = ended === undefined ? '' : `, took ${formatDuration(Date.parse(ended) - Date.parse(created))}`
  const last = schema.at(-1)
  const all: [string, string | undefined][] = [
    ['revision', `${release.revision} (${release.commit.slice(0, 12)})`],
    ['by', release.by],
    ['run', release.run],
    ['created', `${created.slice(0, 19).replace('T', ' ')}${took}`],
    ['only', only?.join(', ')],
    ['schema', last && `${schema.length} migrations, the last is ${last.version} ${last.name}`],
    ['cause', cause],
    ['left', left && `for ${left.to}, by the run ${left.run}`],
  ]
  return all.filter((fact): fact is [string, string] => fact[1] !== undefined)
}

/** What runs, and with which variables. */
function specCells(spec: RunSpec, { pushed }: Release): [runs: string, variables: string] {
  const { docker, kubernetes } = withPushed(spec, pushed)
  const images = Object.values(docker?.images ?? kubernetes?.images ?? {}).map(
    ({ reference, identity }) => identity ?? reference,
  )
  const files = spec.artefact === undefined ? [] : [`files ${spec.artefact.slice(0, 12)}`]
  const engine = spec.engine ? [`${spec.engine.name} ${spec.engine.version}`] : []
  const variables = Object.entries(spec.environment).map(([name, value]) => `${name}=${valueText(value)}`)
  return [[...images, ...engine, ...files].join(', '), variables.join(' ')]
}

const valueText = (value: Value): string =>
  typeof value === 'string'
    ? value
    : value
        .map((part) => {
          if (typeof part === 'string') return part
          return 'secret' in part ? `<${part.secret}>` : `<${part.known}>`
        })
        .join('')
