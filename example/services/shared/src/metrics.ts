type Kind = 'counter' | 'gauge'
type Labels = Record<string, string | number>

/** One figure with its labelled values. */
export type Metric = { add(labels?: Labels, amount?: number): void; set(value: number, labels?: Labels): void }

/** The figures of a process, in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export class Metrics {
  readonly #families: { name: string; kind: Kind; help: string; values: Map<string, number> }[] = []

  /** A figure that only grows. Its name ends in `_total`. */
  counter(name: string, help: string): Metric {
    return this.#metric(name, 'counter', help)
  }

  /** A figure that goes up and down. */
  gauge(name: string, help: string): Metric {
    return this.#metric(name, 'gauge', help)
  }

  /** All figures as text. */
  render(): string {
    return this.#families
      .flatMap(({ name, kind, help, values }) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${kind}`,
        ...[...values].map(([labels, value]) => `${name}${labels} ${value}`),
      ])
      .join('\n')
      .concat('\n')
  }

  #metric(name: string, kind: Kind, help: string): Metric {
    const values = new Map<string, number>()
    this.#families.push({ name, kind, help, values })
    return {
      add: (labels = {}, amount = 1) => void values.set(key(labels), (values.get(key(labels)) ?? 0) + amount),
      set: (value, labels = {}) => void values.set(key(labels), value),
    }
  }
}

/** `{route="/stats",status="200"}`, or nothing without labels. A JSON string escapes what a label value must escape. */
function key(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(String(value))}`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}
