/** `kill -9` of the command while containers overlap behind a proxy: the next command recovers, and nothing is left aside. */
import { test } from 'uvu'
import { timeLimit } from '../support/index.ts'
import { releaseRounds } from './docker-kills.ts'

timeLimit(40 * 60_000)

// What an overlap does not do in its own way is covered where containers are replaced.
test('killed at any point of a deploy whose containers overlap, or of its rollback, the next command recovers', () =>
  releaseRounds({ overlap: true }, [/-dev-proxy-proxy-\d+ running$/, /-dev-web-web-\d+ running$/], (point) =>
    /^(start|gate|drop):web:/.test(point),
  ))

test.run()
