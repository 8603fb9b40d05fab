// @ts-check
/** Services on Docker for the benchmark: as a workspace, and as one Compose file. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How services are made: of which image, how often their health is checked, and where from. @typedef {{ image: string, count: number, interval?: string }} Services */

/** Three steps: two that need nothing, four that need both, and the others upon those. @param {number} index */
const needsOf = (index) => (index < 2 ? [] : index < 6 ? [0, 1] : [2 + (index % 4)])

/** @param {string} image @param {string} [interval] between two health checks */
const composeService = (image, interval = '1s') => ({
  image,
  command: ['sh', '-c', 'mkdir -p /tmp/www && echo up > /tmp/www/index.html && exec httpd -f -p 8000 -h /tmp/www'],
  stop_signal: 'SIGKILL',
  healthcheck: {
    test: ['CMD', 'wget', '-q', '--spider', 'http://127.0.0.1:8000/'],
    interval,
    timeout: '5s',
    retries: 10,
  },
})

/** One Compose file of all services. @param {Services} services */
export const wholeCompose = ({ image, count }) => ({
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

/** A workspace of the same services, with a commit. @param {string} work @param {string} repository @param {Services & { name: string }} options */
export function makeWorkspace(work, repository, { name, count, image, interval }) {
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
    const service = { ...composeService('${IMAGE}', interval), networks: ['backend'] }
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
