import { conform } from './cases.ts'
import { localWorld } from './local-world.ts'

conform('local', localWorld)
