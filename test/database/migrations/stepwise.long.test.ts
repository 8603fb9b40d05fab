import { isMigrator, runMigrator } from '../support/child.ts'
import { testEngine } from '../support/server.ts'
import { stepwiseSuite } from '../support/stepwise-suite.ts'

if (isMigrator) await runMigrator()
else stepwiseSuite('embedded', () => testEngine())
