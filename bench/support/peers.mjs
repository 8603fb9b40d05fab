// @ts-check
/**
 * The programs that we are measured against. Those from npm are installed by the benchmark into a folder of its own, none of whose install
 * scripts run; make is the system's.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package and the command of each peer. @type {Readonly<Record<string, { package: string, command: string, version: string }>>} */
export const packages = {
  just: { package: 'rust-just', command: 'just', version: '1.57.0' },
  // The package itself fetches this one in an install script.
  mise: { package: `@jdxcode/mise-${process.platform}-${process.arch}`, command: 'mise', version: '2026.9.15' },
  turbo: { package: 'turbo', command: 'turbo', version: '2.11.11' },
  wireit: { package: 'wireit', command: 'wireit', version: '0.14.13' },
  moon: { package: '@moonrepo/cli', command: 'moon', version: '2.5.5' },
  nx: { package: 'nx', command: 'nx', version: '24.0.6' },
  zx: { package: 'zx', command: 'zx', version: '8.8.5' },
}

/** Where the benchmark keeps what it installs and makes. */
export const cacheFolder = fileURLToPath(new URL('../../.cache/bench', import.meta.url))

/** A peer that is there. @typedef {{ name: string, program: string, version: string, modules: string }} Peer */

/**
 * Installs the peers that are not there yet; `missing` says of which it did not work, with the reason.
 *
 * @param {readonly string[]} names
 * @returns {{ peers: Map<string, Peer>, missing: Map<string, string> }}
 */
export function installPeers(names) {
  /** @type {Map<string, Peer>} */
  const peers = new Map()
  /** @type {Map<string, string>} */
  const missing = new Map()
  for (const name of names) {
    const found = name === 'make' ? systemMake() : fromNpm(name)
    if (typeof found === 'string') missing.set(name, found)
    else peers.set(name, found)
  }
  return { peers, missing }
}

/** @returns {Peer | string} */
function systemMake() {
  const { status, stdout } = spawnSync('make', ['--version'], { encoding: 'utf8' })
  if (status !== 0) return 'make is not installed'
  return { name: 'make', program: 'make', version: /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'unknown', modules: '' }
}

/**
 * @param {string} name
 * @returns {Peer | string}
 */
function fromNpm(name) {
  const known = packages[name]
  if (!known) return `there is no peer ${name}`
  const folder = join(cacheFolder, 'peers', `${name}-${known.version}`)
  const program = join(folder, 'node_modules', '.bin', known.command)
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${known.package}@${known.version}`]
    const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' })
    if (status !== 0) return stderr.trim().split('\n').at(-1) ?? 'npm failed'
    if (!existsSync(program)) return `${known.package} brings no program ${known.command}`
  }
  const modules = join(folder, 'node_modules')
  const { version } = JSON.parse(readFileSync(join(modules, known.package, 'package.json'), 'utf8'))
  return { name, program: nativeProgram(name, modules) ?? realpathSync(program), version, modules }
}

/**
 * The program itself where the package's command is a Node script that starts it: a user of these tools does not pay for that script, who
 * installs them otherwise.
 *
 * @param {string} name
 * @param {string} modules
 */
function nativeProgram(name, modules) {
  const { platform, arch } = process
  /** @type {Readonly<Record<string, string[]>>} */
  const places = {
    just: [`rust-just-${platform}-${arch}/bin/just`, `@rust-just/${platform}-${arch}/just`],
    mise: [`@jdxcode/mise-${platform}-${arch}/bin/mise`],
    turbo: [
      `@turbo/${platform}-${arch === 'x64' ? '64' : arch}/bin/turbo`,
      `turbo-${platform}-${arch === 'x64' ? '64' : arch}/bin/turbo`,
    ],
    moon: [`@moonrepo/core-${platform}-${arch}-gnu/moon`, `@moonrepo/core-${platform}-${arch}/moon`],
  }
  return (places[name] ?? []).map((place) => join(modules, place)).find(existsSync)
}
