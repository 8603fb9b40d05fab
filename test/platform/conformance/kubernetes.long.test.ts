import { conform } from './cases.ts'
import { kubernetesWorld } from './kubernetes-world.ts'

conform('kubernetes', kubernetesWorld)
