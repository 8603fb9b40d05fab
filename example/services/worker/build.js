import { bundle } from '../shared/build.js'

await bundle(import.meta.dirname)
