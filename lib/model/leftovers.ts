/** A container of an environment, with what it holds on to. */
export type LeftContainer = {
  id: string
  name: string
  service: string
  /** As the engine says it: `created`, `running`, `exited` … */
  state: string
  /** It was replaced, and can come back. */
  kept: boolean
  networks: string[]
  /** Named and anonymous ones. */
  volumes: string[]
}

/** An image that a release has run which is not kept any more. `identity` as in a release's record. */
export type LeftImage = { reference: string; identity: string }

/** An object of a cluster. `data`: it goes only where data are asked for by name (claims of StatefulSets, namespaces with everything in them). */
export type LeftObject = { kind: string; namespace: string; name: string; data?: true }

/** What an environment has on its engine, for `cleanup`: nothing of anybody else is in it. */
export type Leftovers = {
  containers: LeftContainer[]
  /** By id, with the containers that are on them, whoever's they are. */
  networks: { id: string; name: string; users: string[] }[]
  /** Named volumes; `users` are containers of the environment. */
  volumes: { name: string; users: string[] }[]
  /** Of releases that are not kept any more; none that somebody on the engine uses or may go back to. */
  images: LeftImage[]
  /** On a cluster: what releases made and none that is kept has. */
  objects?: LeftObject[]
  /** Why images were not looked for. */
  imagesUnknown?: string
}
