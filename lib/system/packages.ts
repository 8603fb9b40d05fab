import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The package managers whose commands are known. */
export type PackageManager = 'apt' | 'brew' | 'dnf' | 'apk'

const executables: [PackageManager, string][] =
  process.platform === 'darwin'
    ? [['brew', 'brew']]
    : [
        ['apt', 'apt-get'],
        ['dnf', 'dnf'],
        ['apk', 'apk'],
        ['brew', 'brew'],
      ]

let found: PackageManager | 'none' | undefined

/** The package manager of this system; undefined if it has none that is known. */
export function packageManager(): PackageManager | undefined {
  found ??= executables.find(([, program]) => onPath(program))?.[0] ?? 'none'
  return found === 'none' ? undefined : found
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder || '.', program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function isUbuntu(): boolean {
  try {
    return /^ID(_LIKE)?=.*ubuntu/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/**
 * A package's name with each manager; `ubuntu` where Debian does not have apt's; `own` says where to read how, for programs that the manager
 * does not have (or has too old).
 */
type Package = Partial<Record<PackageManager | 'ubuntu', string>> & { own?: string }

const everywhere = (name: string): Package => ({ apt: name, brew: name, dnf: name, apk: name })
const postgresClient: Package = { apt: 'postgresql-client', brew: 'libpq', dnf: 'postgresql', apk: 'postgresql-client' }
const docker: Package = { apt: 'docker.io', brew: '--cask docker', dnf: 'docker', apk: 'docker' }
const aptKubectl = 'see https://kubernetes.io/docs/tasks/tools/'

/** Which package brings a program. Compose v2 and buildx are plugins of docker, not programs, hence their names. */
const packages: Record<string, Package> = {
  age: everywhere('age'),
  bash: everywhere('bash'),
  curl: everywhere('curl'),
  docker,
  dockerd: docker,
  'docker compose': {
    ubuntu: 'docker-compose-v2',
    brew: 'docker-compose',
    dnf: 'docker-compose-plugin',
    apk: 'docker-cli-compose',
    own: 'see https://docs.docker.com/compose/install/linux/',
  },
  'docker buildx': {
    ubuntu: 'docker-buildx',
    brew: 'docker-buildx',
    dnf: 'docker-buildx-plugin',
    apk: 'docker-cli-buildx',
    own: 'see https://docs.docker.com/build/concepts/overview/',
  },
  git: everywhere('git'),
  gzip: everywhere('gzip'),
  helm: { brew: 'helm', dnf: 'helm', apk: 'helm', own: 'see https://helm.sh/docs/intro/install/' },
  kind: { brew: 'kind', apk: 'kind', own: 'see https://kind.sigs.k8s.io/docs/user/quick-start/' },
  kubectl: { brew: 'kubectl', dnf: 'kubernetes-client', apk: 'kubectl', own: aptKubectl },
  kustomize: {
    brew: 'kustomize',
    apk: 'kustomize',
    own: 'see https://kubectl.docs.kubernetes.io/installation/kustomize/',
  },
  lsof: everywhere('lsof'),
  make: everywhere('make'),
  node: { apt: 'nodejs', brew: 'node', dnf: 'nodejs', apk: 'nodejs' },
  npm: { apt: 'npm', brew: 'node', dnf: 'npm', apk: 'npm' },
  openssl: everywhere('openssl'),
  pg_dump: postgresClient,
  pg_dumpall: postgresClient,
  pg_restore: postgresClient,
  postgres: { apt: 'postgresql', brew: 'postgresql@17', dnf: 'postgresql-server', apk: 'postgresql' },
  postgresql: { apt: 'postgresql', brew: 'postgresql@17', dnf: 'postgresql-server', apk: 'postgresql' },
  ps: { apt: 'procps', dnf: 'procps-ng', apk: 'procps' },
  psql: postgresClient,
  'redis-cli': { apt: 'redis-tools', brew: 'redis', dnf: 'redis', apk: 'redis' },
  'redis-server': { apt: 'redis-server', brew: 'redis', dnf: 'redis', apk: 'redis' },
  rsync: everywhere('rsync'),
  sops: { brew: 'sops', apk: 'sops', own: 'see https://github.com/getsops/sops/releases' },
  ssh: { apt: 'openssh-client', brew: 'openssh', dnf: 'openssh-clients', apk: 'openssh-client' },
  tar: { apt: 'tar', brew: 'gnu-tar', dnf: 'tar', apk: 'tar' },
  unzip: everywhere('unzip'),
  zstd: everywhere('zstd'),
}

/**
 * The command that installs a program on this system (`sudo` left out for root), or where to read how; undefined for a program
 * that is not in the table.
 */
export function installHint(
  program: string,
  manager: PackageManager | undefined = packageManager(),
): string | undefined {
  if (!Object.hasOwn(packages, program)) return undefined
  const entry = packages[program] as Package
  const name = (manager === 'apt' && isUbuntu() && entry.ubuntu) || (manager && entry[manager])
  if (!manager || !name) return entry.own
  if (manager === 'brew') return `brew install ${name}`
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  if (manager === 'apt') return `${sudo}apt-get install -y ${name}`
  if (manager === 'dnf') return `${sudo}dnf install -y ${name}`
  return `${sudo}apk add ${name}`
}
