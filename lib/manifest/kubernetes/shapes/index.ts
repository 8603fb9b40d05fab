import { groupOf } from '../../../model/kubernetes-object.ts'
import { object, type Shape } from '../shape.ts'
import { otherShapes } from './others.ts'
import { workloadShapes } from './workloads.ts'

export { podSpecOf } from './pod.ts'

const shapes: Readonly<Record<string, Shape>> = { ...workloadShapes, ...otherShapes }
const unknown = object({})

/** What is known of a kind; of an unknown one, that it is a mapping. */
export function shapeOf(of: { apiVersion: string; kind: string }): Shape {
  const key = `${groupOf(of.apiVersion)}/${of.kind}`
  const found = Object.hasOwn(shapes, key) ? (shapes[key] as Shape) : unknown
  return { ...found, fields: { ...found.fields, metadata: object({ finalizers: { list: 'set' } }) } }
}
