// @ts-check
/** The Docker platform against the docker command: bringing services up, looking at a deploy beforehand, and the status of many. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { makeWorkspace, wholeCompose } from './support/docker-services.mjs'
import { benchEngine } from './support/engine.mjs'
import { cleanEnvironment, compare, ratio, settle } from './support/measure.mjs'

const few = 12
const many = 50

/** @type {import('./run.mjs').Part} */
export default {
  order: 100,
  async run({ rounds, folder, repository, task }) {
    const engine = await benchEngine(repository)
    if (!engine) return []
    const env = { DOCKER_HOST: engine.host }
    const make = (/** @type {string} */ name, /** @type {number} */ count, /** @type {string} */ interval = '1s') => {
      const work = join(folder, name)
      makeWorkspace(work, repository, { name, count, image: engine.busybox, interval })
      const run = (/** @type {string[]} */ ...words) =>
        execFileSync(process.execPath, [task, ...words], { cwd: work, env: cleanEnvironment(env), stdio: 'pipe' })
      return { work, run }
    }
    const upWorld = make(`bench-up-${process.pid}`, few)
    const statusWorld = make(`bench-many-${process.pid}`, many, '30s')
    const reference = [
      'compose',
      '--project-name',
      `bench-compose-${process.pid}`,
      '--file',
      join(folder, 'compose.json'),
    ]
    writeFileSync(join(folder, 'compose.json'), JSON.stringify(wholeCompose({ image: engine.busybox, count: few })))
    const compose = (/** @type {string[]} */ ...words) =>
      execFileSync('docker', [...reference, ...words], { env: cleanEnvironment(env), stdio: 'pipe' })
    try {
      const up = `task services up, ${few} services`
      const composeUp = `docker compose up -d --wait, ${few} services`
      const tables = [
        compare(
          `${few} services up, in three steps of dependencies`,
          [
            {
              name: composeUp,
              argv: ['docker', ...reference, 'up', '--detach', '--wait'],
              env,
              before: () => compose('down', '--timeout', '0'),
            },
            {
              name: up,
              argv: [process.execPath, task, 'services', 'up'],
              cwd: upWorld.work,
              env,
              before: () => upWorld.run('services', 'down'),
            },
          ],
          {
            // Each takes seconds.
            rounds: 5,
            fewest: 5,
            claims: [ratio(up, composeUp, 1.1)],
            notes: [
              'Each service has a health check at every second; the Compose file waits for `service_healthy` in the same order.',
            ],
          },
        ),
      ]
      upWorld.run('services', 'down')
      compose('down', '--timeout', '0')
      const costs = [
        { name: up, argv: [process.execPath, task, 'services', 'up'], cwd: upWorld.work },
        { name: composeUp, argv: ['docker', ...reference, 'up', '--detach', '--wait'], cwd: upWorld.work },
      ].map((one) => costOf(one, folder, env))
      tables[0]?.notes.push(...costs)
      upWorld.run('services', 'down')
      compose('down', '--timeout', '0')

      const preflight = `task deploy --dry-run, ${many} services`
      tables.push(
        compare(
          `pre-flight of ${many} services`,
          [
            {
              name: preflight,
              argv: [process.execPath, task, 'deploy', 'dev', '--dry-run'],
              cwd: statusWorld.work,
              env,
            },
          ],
          {
            rounds: 5,
            fewest: 5,
            claims: [{ text: preflight, value: (ms) => ms(preflight), atMost: 5000, unit: 'ms' }],
            notes: ['Nothing runs yet: each of them is to be started.'],
          },
        ),
      )
      statusWorld.run('services', 'up')
      settle()
      const status = `task services status, ${many} services`
      const ps = 'docker ps'
      tables.push(
        compare(
          `status of ${many} services`,
          [
            { name: ps, argv: ['docker', 'ps'], env },
            { name: status, argv: [process.execPath, task, 'services', 'status'], cwd: statusWorld.work, env },
          ],
          {
            rounds,
            claims: [ratio(status, ps, 1.3)],
            notes: ['Each service has a health check at every thirty seconds; nothing is at work meanwhile.'],
          },
        ),
      )
      return tables
    } finally {
      for (const { run } of [upWorld, statusWorld]) run('services', 'down')
      compose('down', '--timeout', '0')
      await removeOwned(engine.docker, `bench0000${process.pid}`)
    }
  },
}

/**
 * What a program takes besides time: how often it starts the docker command, and the processor time of all its processes (not of the engine's).
 *
 * @param {{ name: string, argv: string[], cwd: string }} one
 * @param {string} folder
 * @param {Record<string, string>} env
 */
function costOf({ name, argv, cwd }, folder, env) {
  const counting = join(folder, 'counting')
  mkdirSync(counting, { recursive: true })
  const calls = join(counting, 'calls')
  writeFileSync(calls, '')
  const real = execFileSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' }).trim()
  writeFileSync(join(counting, 'docker'), `#!/bin/sh\necho >> '${calls}'\nexec '${real}' "$@"\n`)
  chmodSync(join(counting, 'docker'), 0o755)
  const cpu = join(counting, 'cpu')
  const script = 'TIMEFORMAT="%U %S"; { time "$@" > /dev/null 2>&1; } 2> "$CPU"'
  execFileSync('bash', ['-c', script, 'bash', ...argv], {
    cwd,
    env: cleanEnvironment({ ...env, CPU: cpu, PATH: `${counting}${delimiter}${process.env.PATH}` }),
    stdio: 'pipe',
  })
  const seconds = readFileSync(cpu, 'utf8')
    .split(/\s+/)
    .reduce((sum, part) => sum + Number(part), 0)
  const count = readFileSync(calls, 'utf8').length
  return `${name}: starts the docker command ${count} times; ${seconds.toFixed(1)} s of processor time in all, without what the engine takes.`
}

/**
 * Removes what is left of workspaces on an engine: the shared network, and where the lock and the records are.
 *
 * @param {(args: readonly string[]) => Promise<string>} docker
 * @param {string} id
 */
async function removeOwned(docker, id) {
  const filter = ['--filter', `label=vital-ops.workspace=${id}`]
  const list = async (/** @type {string[]} */ ...words) =>
    (await docker([...words, ...filter, '--quiet'])).split('\n').filter(Boolean)
  const containers = await list('ps', '--all')
  if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers])
  const networks = await list('network', 'ls')
  if (networks.length > 0) await docker(['network', 'rm', ...networks])
  const volumes = await list('volume', 'ls')
  if (volumes.length > 0) await docker(['volume', 'rm', ...volumes])
}
