import { test } from 'uvu'
import { timeLimit } from '../../support/index.ts'
import { diagnosticsSuite } from '../support/diagnostics-suite.ts'
import { testEngine } from '../support/server.ts'

timeLimit(120_000)
diagnosticsSuite(() => testEngine(15, 'system'))
test.run()
