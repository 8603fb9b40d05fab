import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Builds } from './support/service.ts'

test('the same source gives the same bundle wherever it lies', () => {
  const builds = new Builds('api', 'worker')
  try {
    const deeper = path.join(builds.folder, '.ops/releases/dev/12/source')
    fs.cpSync(path.join(builds.folder, 'services'), path.join(deeper, 'services'), {
      recursive: true,
      filter: (source) => path.basename(source) !== 'dist',
    })
    for (const service of ['api', 'worker']) {
      execFileSync(process.execPath, ['build.js'], { cwd: path.join(deeper, 'services', service) })
      const bundle = fs.readFileSync(path.join(deeper, 'services', service, 'dist/main.js'), 'utf8')
      assert.ok(bundle.length > 10_000)
      assert.ok(bundle === fs.readFileSync(builds.main(service), 'utf8'), `${service} differs`)
      assert.not.match(bundle, builds.folder)
    }
  } finally {
    builds.remove()
  }
})

test.run()
