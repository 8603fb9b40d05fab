import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startBrowser } from '../support/browser.ts'
import { timeLimit, until } from '../support/index.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(200_000)

const timeline = suite('timeline of an operation')
let world: World

timeline.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
timeline.after(() => world?.end())

timeline('a deploy as a page: its ops, what each waited for, what failed with its last lines', async () => {
  await world.commit('crash', 'v1')
  await expectExit(1, world, ['deploy', 'dev'])
  const { stdout } = await world.task(['runs', 'show', 'last', '--html', '--out', 'deploy.html'])
  assert.is(stdout, 'wrote deploy.html\n')
  const browser = await startBrowser()
  try {
    const page = await browser.open(pathToFileURL(join(world.folder, 'deploy.html')).href)
    await until(() => page.value(`document.documentElement.dataset.ready === 'yes'`), { what: 'the page to be drawn' })
    const rows = await page.value<string[]>(
      `[...document.querySelectorAll('.row')].map((row) => row.getAttribute('aria-label'))`,
    )
    const journal = JSON.parse((await world.task(['runs', 'show', 'last', '--json'])).stdout).result
    assert.is(rows.length, journal.ops.length)
    const failed = rows.filter((row) => /, failed, from /.test(row))
    assert.is(failed.length, 1, rows.join('\n'))
    assert.match(failed[0] ?? '', /on the critical path/)
    assert.match(await page.value<string>(`document.querySelector('#failures').innerText`), /frobnicator/)
    assert.ok((await page.value<number>(`document.querySelectorAll('#graph path').length`)) > 5)
    assert.match(await page.value<string>('document.title'), /^deploy dev · /)
    assert.equal([page.complaints, page.requests], [[], []])
  } finally {
    await browser.close()
  }
  await world.task(['runs', 'show', 'last', '--trace', '--out', 'deploy.json'])
  const { traceEvents } = JSON.parse(readFileSync(join(world.folder, 'deploy.json'), 'utf8'))
  assert.ok(traceEvents.some((event: { ph: string; cat: string }) => event.ph === 'X' && event.cat === 'failed'))
})

timeline.run()
