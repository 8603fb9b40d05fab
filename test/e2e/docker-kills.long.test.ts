/** `kill -9` of the command at every point of a deploy and a rollback on a Docker engine: the next command recovers, and nothing is left aside. */
import { test } from 'uvu'
import { timeLimit } from '../support/index.ts'
import { releaseRounds } from './docker-kills.ts'

timeLimit(40 * 60_000)

test('killed at any point of a deploy that replaces containers, or of its rollback, the next command recovers', () =>
  releaseRounds({}, [/-dev-web-web-\d+ running$/], () => true))

test.run()
