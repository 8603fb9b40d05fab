// @ts-check
/** The Docker platform against the docker command: bringing services up, looking at a deploy beforehand, and the status of many. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
    const make = (/** @type {string} */ name, /** @type {number} */ count) => {
      const work = join(folder, name)
      makeWorkspace(work, repository, { name, count, image: engine.busybox })
      const run = (/** @type {string[]} */ ...words) =>
        execFileSync(process.execPath, [task, ...words], { cwd: work, env: cleanEnvironment(env), stdio: 'pipe' })
      return { work, run }
    }
    const upWorld = make(`bench-up-${process.pid}`, few)
    const statusWorld = make(`bench-many-${process.pid}`, many)
    const reference = [
      'compose',
      '--project-name',
      `bench-compose-${process.pid}`,
      '--file',
      join(folder, 'compose.json'),
    ]
    writeFileSync(join(folder, 'compose.json'), JSON.stringify(wholeCompose(engine.busybox, few)))
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
          { rounds, claims: [ratio(status, ps, 1.3)] },
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

/** Three steps: two that need nothing, four that need both, and the others upon those. @param {number} index */
const needsOf = (index) => (index < 2 ? [] : index < 6 ? [0, 1] : [2 + (index % 4)])

/** @param {string} image */
const composeService = (image) => ({
  image,
  command: ['sh', '-c', 'mkdir -p /tmp/www && echo up > /tmp/www/index.html && exec httpd -f -p 8000 -h /tmp/www'],
  stop_signal: 'SIGKILL',
  healthcheck: {
    test: ['CMD', 'wget', '-q', '--spider', 'http://127.0.0.1:8000/'],
    interval: '1s',
    timeout: '5s',
    retries: 10,
  },
})

/** One Compose file of all services. @param {string} image @param {number} count */
const wholeCompose = (image, count) => ({
  services: Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `s${index}`,
      {
        ...composeService(image),
        networks: ['backend'],
        depends_on: Object.fromEntries(needsOf(index).map((one) => [`s${one}`, { condition: 'service_healthy' }])),
      },
    ]),
  ),
  networks: { backend: {} },
})

/** @param {string} work @param {string} repository @param {{ name: string, count: number, image: string }} options */
function makeWorkspace(work, repository, { name, count, image }) {
  /** @param {string} path @param {string} text */
  const write = (path, text) => {
    mkdirSync(join(work, path, '..'), { recursive: true })
    writeFileSync(join(work, path), text, { mode: 0o600 })
  }
  write('Taskfile.ts', "import { operations } from 'vital-ops/operations'\nexport default operations()\n")
  write('package.json', `{ "name": "${name}", "private": true, "type": "module" }\n`)
  write('config/workspace.yaml', `name: ${name}\nid: bench0000${process.pid}\n`)
  write('config/environments/dev.yaml', 'name: dev\nplatform: docker\n')
  write('.env.dev', `IMAGE=${image}\n`)
  for (let index = 0; index < count; index += 1) {
    const path = `infrastructure/docker/applications/s${index}`
    const needs = needsOf(index).map((one) => `s${one}`)
    write(
      `config/services/s${index}.yaml`,
      `name: s${index}\ncategory: applications\ndependencies: [${needs.join(', ')}]\ndocker: { path: ${path}, networks: [backend] }\nhealth: { interval: 100ms, passes: 1, deadline: 60s }\n`,
    )
    const service = { ...composeService('${IMAGE}'), networks: ['backend'] }
    const compose = { services: { [`s${index}`]: service }, networks: { backend: { external: true } } }
    write(`${path}/compose.yaml`, `${JSON.stringify(compose, undefined, 2)}\n`)
  }
  mkdirSync(join(work, 'node_modules'))
  symlinkSync(repository, join(work, 'node_modules/vital-ops'))
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com', ...args], {
      cwd: work,
      stdio: 'pipe',
    })
  write('.gitignore', 'node_modules\n.ops\n.env.*\n')
  git('init', '-q', '-b', 'main')
  git('add', '-A')
  git('commit', '-q', '-m', 'services')
}
