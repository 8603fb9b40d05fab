// Starts a Docker engine for a test run, and ends it with everything in it when its owner's process is gone, or when told to (SIGTERM).
// It is a process of its own because a test run can be killed at any moment, and an engine must not outlive it.
//
//   node docker-keeper.mjs FOLDER OWNER-PID [more arguments for dockerd, as JSON]
//
// It writes FOLDER/ready (the number that its network addresses have) or FOLDER/failed (why not), and removes FOLDER at its end.
import { execFile, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const [folder, ownerText, moreText = '[]'] = process.argv.slice(2)
const owner = Number(ownerText)
const at = (name) => join(folder, name)
const host = `unix://${at('docker.sock')}`
const run = promisify(execFile)
const docker = (...args) => run('docker', args, { env: { ...process.env, DOCKER_HOST: host }, timeout: 30_000 })
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The beginning of the owner's stat: a later process with the same id has another start time. */
const startOf = (pid) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? undefined : rest[18]
  } catch {
    return undefined
  }
}
const ownerStart = startOf(owner)
const ownerLives = () => ownerStart !== undefined && startOf(owner) === ownerStart

let isEnding = false
process.on('SIGTERM', () => {
  isEnding = true
})
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})

/** A bridge with addresses that no other network of this machine has: 10.N.0.0/16, N from 64. */
function takeNetwork() {
  const routes = spawnSync('ip', ['-4', 'route', 'show', 'table', 'all'], { encoding: 'utf8' }).stdout ?? ''
  for (let attempt = 0; attempt < 500; attempt++) {
    const number = 64 + Math.floor(Math.random() * 190)
    if (new RegExp(`\\b10\\.${number}\\.`).test(routes)) continue
    // The name is the atomic take.
    if (spawnSync('ip', ['link', 'add', 'name', `votest${number}`, 'type', 'bridge']).status !== 0) continue
    for (const args of [
      ['addr', 'add', `10.${number}.0.1/24`, 'dev', `votest${number}`],
      ['link', 'set', `votest${number}`, 'up'],
    ]) {
      const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
      if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
    }
    return number
  }
  throw new Error('no free network of 10.64.0.0 to 10.253.0.0: is this root, and is iproute2 installed?')
}

/** Writes a file that appears whole. */
function say(name, text) {
  writeFileSync(at(`${name}.new`), text)
  renameSync(at(`${name}.new`), at(name))
}

function startEngine(number) {
  const log = openSync(at('log'), 'a')
  // No driver is named: the engine takes overlay2 where that works, and vfs elsewhere.
  const args = [
    ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '--host', host],
    ...[`--bridge=votest${number}`, `--default-address-pool=base=10.${number}.128.0/17,size=24`],
    // Nothing leaves this machine, and what is too slow to end is killed.
    ...['--shutdown-timeout=5', ...JSON.parse(moreText)],
  ]
  const child = spawn('/usr/sbin/dockerd', args, { stdio: ['ignore', log, log], detached: true })
  closeSync(log)
  return child
}

async function answers(engine) {
  for (const end = Date.now() + 60_000; Date.now() < end && engine.exitCode === null && !isEnding; ) {
    if (await docker('version').then(Boolean, () => false)) return true
    await sleep(100)
  }
  return false
}

/** The engine's processes, and those of its containers: all name its folder, or descend from one that does. */
function processesOf() {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        if (state === 'Z' || state === 'X' || Number(name) === process.pid) return []
        return [{ pid: Number(name), parent: Number(parent), command: readFileSync(`/proc/${name}/cmdline`, 'latin1') }]
      } catch {
        return []
      }
    })
  // A shim names containerd's socket, which lies in the folder.
  const found = all.filter(({ command }) => command.includes(`${folder}/`)).map(({ pid }) => pid)
  for (const pid of found)
    found.push(...all.filter((one) => one.parent === pid && !found.includes(one.pid)).map((one) => one.pid))
  return found.filter((pid) => pid !== owner)
}

function signalAll(signal) {
  for (const pid of processesOf()) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Removes the firewall's rules of the bridge and of its addresses, which the engine leaves. */
function removeRules(number) {
  for (const table of ['filter', 'nat']) {
    const { stdout } = spawnSync('iptables', ['--wait', '--table', table, '--list-rules'], { encoding: 'utf8' })
    for (const rule of (stdout ?? '').split('\n')) {
      if (!rule.startsWith('-A ') || !new RegExp(`\\bvotest${number}\\b|\\b10\\.${number}\\.`).test(rule)) continue
      spawnSync('iptables', ['--wait', '--table', table, '--delete', ...rule.slice(3).split(' ')])
    }
  }
}

/** Leaves nothing: containers, networks (with their rules), processes, mounts, the folder, the bridge. */
async function endAll(engine, number) {
  if (engine?.exitCode === null) {
    const list = await docker('ps', '--all', '--quiet', '--no-trunc').then(
      ({ stdout }) => stdout.split('\n').filter(Boolean),
      () => [],
    )
    if (list.length > 0) await docker('rm', '--force', '--volumes', ...list).catch(() => {})
    await docker('network', 'prune', '--force').catch(() => {})
    engine.kill('SIGTERM')
    for (const end = Date.now() + 15_000; engine.exitCode === null && engine.signalCode === null && Date.now() < end; )
      await sleep(50)
  }
  for (const end = Date.now() + 10_000; processesOf().length > 0 && Date.now() < end; await sleep(50))
    signalAll('SIGKILL')
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
  for (const path of mounts.reverse()) spawnSync('umount', ['--lazy', path])
  if (number !== undefined) removeRules(number)
  if (number !== undefined) spawnSync('ip', ['link', 'delete', `votest${number}`])
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}

let engine
let number
try {
  writeFileSync(at('keeper'), String(process.pid))
  number = takeNetwork()
  engine = startEngine(number)
  if (await answers(engine)) say('ready', String(number))
  else say('failed', `the engine does not answer:\n${readFileSync(at('log'), 'utf8').slice(-4000)}`)
  // An engine that a test kills is that test's affair.
  while (!isEnding && ownerLives()) await sleep(200)
} catch (error) {
  say('failed', String(error?.stack ?? error))
  while (!isEnding && ownerLives()) await sleep(200)
}
await endAll(engine, number)
