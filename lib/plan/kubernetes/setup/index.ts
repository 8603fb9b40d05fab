/*
 * What `setup k8s` makes in a cluster, derived from the catalogue and the manifests. All of it is pure: objects in, objects out.
 */
export { type Access, type AccessNeeds, accessNeeded } from './access.ts'
export { type Deployer, deployerObjects } from './deployer.ts'
export { limitObjects, type NamespaceLimits } from './limits.ts'
export { namespaceObjects, namespacesOf } from './namespaces.ts'
export { type NetworkOptions, networkObjects } from './network.ts'
export { planClusterSetup } from './plan.ts'
export { type PodSecurityLevel, podSecurityLevel, podSecurityLevels } from './pod-security.ts'
export { pullAccounts } from './pull-accounts.ts'
export { chooseStorageClass, claimsWithoutClass, type StorageChoice, withStorageClass } from './storage.ts'
export type { Labels, ServiceManifests } from './types.ts'
