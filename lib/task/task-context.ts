import type { TaskContext } from './definition.ts'
import type { TaskNode } from './graph.ts'
import type { TaskScope } from './task-scope.ts'

/** What `run` of a task is given; what is its scope's is made when it is first used. */
export const taskContext = (
  node: TaskNode,
  own: TaskScope,
  more: Omit<TaskContext, 'name' | 'args' | '$' | 'log' | 'step' | 'signal'>,
): TaskContext => ({
  ...more,
  name: node.name,
  args: node.values,
  get $() {
    return own.$
  },
  get log() {
    return own.log
  },
  get step() {
    return own.step
  },
  get signal() {
    return own.signal
  },
})
