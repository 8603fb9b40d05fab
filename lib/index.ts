/// <reference types="node" preserve="true" />
/*
 * What a Taskfile imports from `vital-ops`. Nothing here loads a library: a Taskfile's start is the start of every command.
 */
export type { Failure, Place } from './model/failure.ts'
export { FailureError } from './model/failure.ts'
export type { Outcome } from './model/outcome.ts'
export type {
  Argument,
  ArgumentInput,
  Arguments,
  ArgumentValues,
  DurationInput,
  NumberOptions,
  PathOptions,
} from './task/arguments.ts'
export { choice, duration, flag, number, path, text } from './task/arguments.ts'
export type {
  BoundTask,
  Finished,
  NeedResults,
  Needs,
  ResultOf,
  Task,
  TaskContext,
  TaskDefinition,
  TaskLog,
  TaskTable,
  View,
} from './task/definition.ts'
export { finish, OutcomeError, optional, task } from './task/definition.ts'
export type { Invocation, Terminal } from './task/invocation.ts'
export type { CallOptions, ConditionContext, Precondition, Retry, TaskOptions } from './task/options.ts'
export type { Command, CommandOutput, Shell, ShellOptions } from './task/shell.ts'
export type { StandardSchema } from './task/standard-schema.ts'
