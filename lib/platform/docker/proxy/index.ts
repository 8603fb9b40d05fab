import type { ProxyAdapterName } from '../../../model/service.ts'
import { nginx } from './nginx.ts'
import type { ProxyAdapter } from './port.ts'

/** The proxies that can be told who gets requests, by the name that a service's file gives them (`docker.proxy.adapter`). */
export const proxyAdapters = { nginx } satisfies Record<ProxyAdapterName, ProxyAdapter>
