import { environmentSchema } from '../model/environment.ts'
import { type LoadedEnvironment, type LoadedFiles, servicesOf } from './files.ts'

/**
 * The environments, where one that names no database, but runs exactly one service that is one, has that: nobody has to say what can only be meant. With a
 * broken service file among its services nothing is assumed.
 */
export function withOnlyDatabase(files: LoadedFiles): LoadedFiles['environments'] {
  const complete = ([name, environment]: [string, LoadedEnvironment]): [string, LoadedEnvironment] => {
    if (environment.configuration.database) return [name, environment]
    const services = servicesOf(files, environment).map((service) => files.services.get(service))
    const [only, ...more] = services.filter((service) => !service || service.configuration.database)
    if (!only || more.length > 0) return [name, environment]
    const database = environmentSchema.shape.database.parse({ service: only.name })
    return [name, { ...environment, configuration: { ...environment.configuration, ...(database && { database }) } }]
  }
  return new Map([...files.environments].map(complete))
}
