// @ts-check
/** One task that starts one command: against the same script with a bare spawn, and the other task runners. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { below, compare, ratio, settle } from './support/measure.mjs'

/** @type {import('./run.mjs').Part} */
export default {
  order: 20,
  peers: ['make', 'just', 'mise', 'turbo', 'wireit', 'moon', 'nx', 'zx'],
  run({ rounds, folder, task, peers }) {
    const own = 'task (one $ command)'
    const bare = 'node script with spawn'
    const write = (/** @type {string} */ path, /** @type {string} */ text) => {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    write(
      'own/Taskfile.ts',
      "import { task } from 'vital-ops'\nexport const cmd = task({ run: async ({ $ }) => void (await $`true`) })\n",
    )
    write(
      'own/bare.mjs',
      "import { spawn } from 'node:child_process'\nspawn('bash', ['-euo', 'pipefail', '-c', 'true'], { stdio: 'inherit' }).on('close', (code) => { process.exitCode = code })\n",
    )
    const cases = [
      {
        name: bare,
        argv: /** @type {[string, ...string[]]} */ ([process.execPath, 'bare.mjs']),
        cwd: join(folder, 'own'),
      },
      {
        name: own,
        argv: /** @type {[string, ...string[]]} */ ([process.execPath, task, 'cmd']),
        cwd: join(folder, 'own'),
      },
      ...[...peers.values()].flatMap((peer) => {
        const made = others[peer.name]?.(peer.program, (path, text) => write(join(peer.name, path), text))
        // nx looks for itself where it is called.
        if (peer.name === 'nx') symlinkSync(peer.modules, join(folder, 'nx', 'node_modules'))
        return made ? [{ name: peer.name, cwd: join(folder, peer.name), ...made }] : []
      }),
    ]
    settle()
    const runners = ['turbo', 'wireit', 'moon', 'nx', 'zx'].filter((name) => peers.has(name))
    return [
      compare('One task with one command', cases, {
        rounds,
        claims: [ratio(own, bare, 1.4), ...below(own, runners)],
        notes: [
          'The command is `true`, in bash. make, just and mise are native programs; they are shown, and not among the claims. No runner takes the result from a cache.',
        ],
      }),
    ]
  },
}

/**
 * How each peer is told of a task that runs `true`, and called.
 *
 * @type {Readonly<Record<string, (program: string, write: (path: string, text: string) => void) => { argv: [string, ...string[]], env?: Record<string, string> }>>}
 */
const others = {
  make(program, write) {
    write('Makefile', 'SHELL := bash\n.PHONY: cmd\ncmd:\n\ttrue\n')
    return { argv: [program, '-s', 'cmd'] }
  },
  just(program, write) {
    write('justfile', 'set shell := ["bash", "-euo", "pipefail", "-c"]\ncmd:\n\ttrue\n')
    return { argv: [program, 'cmd'] }
  },
  mise(program, write) {
    write('mise.toml', '[tasks.cmd]\nrun = "bash -c true"\n')
    return { argv: [program, 'run', 'cmd'], env: { MISE_TRUSTED_CONFIG_PATHS: '/', MISE_OFFLINE: '1' } }
  },
  turbo(program, write) {
    write(
      'package.json',
      '{ "name": "bench", "private": true, "packageManager": "npm@10.0.0", "scripts": { "cmd": "true" } }\n',
    )
    write(
      'package-lock.json',
      '{ "name": "bench", "lockfileVersion": 3, "requires": true, "packages": { "": { "name": "bench" } } }\n',
    )
    write('turbo.json', '{ "tasks": { "cmd": { "cache": false } } }\n')
    return { argv: [program, 'run', 'cmd', '--no-daemon'], env: { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' } }
  },
  wireit(program, write) {
    write(
      'package.json',
      '{ "name": "bench", "private": true, "scripts": { "cmd": "wireit" }, "wireit": { "cmd": { "command": "true" } } }\n',
    )
    return {
      argv: ['npm', 'run', '--silent', 'cmd'],
      env: { PATH: `${join(program, '..', '..', '..', '.bin')}:${process.env.PATH}` },
    }
  },
  moon(program, write) {
    write('.moon/workspace.yml', "projects:\n  - 'app'\nvcs:\n  defaultBranch: main\ntelemetry: false\n")
    write('app/moon.yml', "tasks:\n  cmd:\n    command: 'bash -c true'\n    options:\n      cache: false\n")
    return { argv: [program, 'run', 'app:cmd'], env: { MOON_TELEMETRY: 'false', MOON_SKIP_SETUP_TOOLCHAIN: 'true' } }
  },
  nx(program, write) {
    write('package.json', '{ "name": "bench", "private": true, "version": "0.0.0" }\n')
    write('nx.json', '{ "neverConnectToCloud": true, "analytics": false, "targetDefaults": {} }\n')
    write(
      'project.json',
      '{ "name": "bench", "root": ".", "targets": { "cmd": { "command": "true", "cache": false } } }\n',
    )
    return { argv: [process.execPath, program, 'run', 'bench:cmd'], env: { NX_DAEMON: 'false', NX_NO_CLOUD: 'true' } }
  },
  zx(program, write) {
    write('cmd.mjs', 'await $`true`\n')
    return { argv: [process.execPath, program, '--quiet', 'cmd.mjs'] }
  },
}
