import { test } from 'uvu'
import { timeLimit } from '../../support/index.ts'
import { diagnosticsSuite } from '../support/diagnostics-suite.ts'

timeLimit(120_000)
diagnosticsSuite(async () => undefined)
test.run()
