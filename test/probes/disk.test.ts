import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSize } from '../../lib/probes/disk.ts'
import { temporaryFolder } from '../support/index.ts'
import { attempt } from './support.ts'

test('enough free space passes, too little fails with what was found and wanted', async () => {
  const directory = temporaryFolder()
  assert.is((await attempt({ type: 'disk', free: '1K' }, { directory })).passed, true)
  const result = await attempt({ type: 'disk', free: '9999T' }, { directory })
  assert.is(result.passed, false)
  assert.match(result.message, /iB of .* free \(\d+(\.\d)?%\) at \., at least 9999T wanted/)
  assert.is((await attempt({ type: 'disk', free: '0%' }, { directory })).passed, true)
  assert.is((await attempt({ type: 'disk', free: '101%' }, { directory })).passed, false)
})

test('a path that is not there is named', async () => {
  const directory = temporaryFolder()
  const result = await attempt({ type: 'disk', path: join(directory, 'nothing') })
  assert.is(result.message, `${join(directory, 'nothing')} does not exist`)
})

test('sizes are powers of 1024, with a lone B of 1000', () => {
  assert.is(readSize('2G'), 2 * 1024 ** 3)
  assert.is(readSize('2Gi'), 2 * 1024 ** 3)
  assert.is(readSize('2GiB'), 2 * 1024 ** 3)
  assert.is(readSize('2GB'), 2_000_000_000)
  assert.is(readSize('1.5K'), 1536)
})

test.run()
