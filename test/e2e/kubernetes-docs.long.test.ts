import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, repository, timeLimit } from '../support/index.ts'
import { makeKubernetesWorld, runningImage } from './kubernetes-world.ts'

timeLimit(900_000)

/** The commands of a page's sh blocks, in their order, as they stand behind `task`. */
function commandsOf(page: string): string[][] {
  const text = readFileSync(join(repository, page), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.split('\n'))
  return blocks.flatMap((line) => {
    const [, words = ''] = line.replace(/\s+#.*$/, '').match(/^task (.+)$/) ?? []
    return words === '' ? [] : [words.replaceAll('<environment>', 'production').split(' ')]
  })
}

/** What speaks of a database, which this workspace has none of, or does not end by itself. */
const elsewhere = /^(migrate|backup|restore|seed)\b|postgres|--follow/

/** Nobody is there to be asked. */
const answered = (words: string[]): string[] =>
  /^(deploy|rollback|cleanup|setup)$/.test(words[0] ?? '') && !words.some((word) => /^--(dry-run|confirm)/.test(word))
    ? [...words, '--yes']
    : words

test('the commands of the guide and of the runbook of rollbacks do what they say, in their order', async () => {
  const world = await makeKubernetesWorld()
  try {
    await world.commit('v2')
    await world.git('tag', 'v1.4')
    await world.git('checkout', '-q', 'HEAD~1')
    const guide = commandsOf('docs/guides/kubernetes.md').filter((words) => !elsewhere.test(words.join(' ')))
    const runbook = commandsOf('docs/runbooks/rollback.md')
    assert.ok(guide.length >= 12, `${guide.length} commands in the guide`)
    assert.ok(runbook.length >= 8, `${runbook.length} commands in the runbook`)
    const run = async (words: string[]) => {
      const done = await world.task(answered(words))
      assert.is(done.status, 0, `task ${words.join(' ')}\n${done.stdout}\n${done.stderr}`)
    }
    for (const words of guide) await run(words)
    // A release that is bad, and one before it.
    for (const version of ['v1', 'v2'] as const) {
      await world.commit(version)
      await run(['deploy', 'production'])
    }
    for (const words of runbook) await run(words)
    const image = await runningImage(world)
    assert.is(image, world.images.v1, 'release 1 runs again')
    note(`${guide.length + runbook.length} commands`)
  } finally {
    await world.end()
  }
})

test.run()
