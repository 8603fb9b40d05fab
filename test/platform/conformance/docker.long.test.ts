import { conform } from './cases.ts'
import { dockerWorld } from './docker-world.ts'

conform('docker', dockerWorld)
