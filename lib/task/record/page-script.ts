/**
 * The script of a timeline's page: plain JavaScript for browsers, which reads the page's own data and asks for nothing else. ASCII alone: esbuild
 * changes other characters of a raw template.
 */
export const pageScript = String.raw`
'use strict'
const run = JSON.parse(document.getElementById('run').textContent)
const spans = run.spans
const byId = (id) => document.getElementById(id)
const el = (tag, props, ...children) => {
  const made = Object.assign(document.createElement(tag), props)
  made.append(...children)
  return made
}
const marks = { done: '\u2714', present: '\u2714', 'up-to-date': '\u2261', restored: '\u21ba', failed: '\u2716', killed: '\u2716', aborted: '\u25a0', warned: '\u26a0', skipped: '\u2013', waiting: '\u00b7', running: '\u25b6' }
const words = (state) => state.replaceAll('-', ' ')
const time = (ms) => {
  if (ms < 1) return ms === 0 ? '0 ms' : ms.toFixed(2) + ' ms'
  if (ms < 1000) return Math.round(ms) + ' ms'
  if (ms < 60000) return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + ' s'
  const s = Math.round(ms / 1000)
  return s < 3600 ? Math.floor(s / 60) + ' min ' + (s % 60) + ' s' : Math.floor(s / 3600) + ' h ' + Math.floor((s % 3600) / 60) + ' min'
}
const total = Math.max(run.ms, 0.001)
const neededBy = spans.map(() => [])
const called = spans.map(() => [])
spans.forEach((span, i) => {
  for (const need of span.needs) neededBy[need].push(i)
  if (span.by !== undefined) called[span.by].push(i)
})

// The head.
document.querySelector('h1').textContent = run.title
const failed = spans.filter(({ state }) => state === 'failed' || state === 'killed')
const hits = spans.filter(({ state }) => state === 'up-to-date' || state === 'restored' || state === 'present')
const critical = spans.filter((span) => span.critical)
const bad = !['done', 'running'].includes(run.outcome)
const badge = el('span', { className: 'badge mark ' + (bad ? 'failed' : 'done'), textContent: run.outcome })
badge.style.width = 'auto'
byId('facts').append(badge, [
  time(run.ms),
  spans.length + run.leftOut + ' ' + run.noun,
  failed.length + ' failed',
  hits.length + (run.noun === 'tasks' ? ' from cache or up to date' : ' present already'),
  critical.length + ' on the critical path',
  run.by,
  run.started && new Date(run.started).toLocaleString(),
  'run ' + run.run,
].filter(Boolean).join(' \u00b7 '))

// What failed.
for (const span of failed.slice(0, 50)) {
  const box = byId('failures')
  box.hidden = false
  const one = el('div', { className: 'failure failed' })
  one.append(el('h3', {}, mark(span.state), jump(spans.indexOf(span))))
  if (span.message) one.append(el('p', { textContent: span.message }))
  if (span.lines) one.append(el('pre', { textContent: span.lines.join('\n') }))
  if (span.log) one.append(el('p', { className: 'keys' }, 'log: ', el('code', { textContent: span.log })))
  box.append(one)
}
function mark(state) {
  const made = el('span', { className: 'mark ' + state, textContent: marks[state] || '?' })
  made.setAttribute('aria-hidden', 'true')
  return made
}
function jump(index) {
  return el('button', { className: 'link name', textContent: spans[index].name, onclick: () => choose(index, true) })
}

// The chart.
const rows = byId('rows')
const rowOf = new Map()
let shown = []
let chosen = -1
let zoom = 1
function rowFor(index) {
  const known = rowOf.get(index)
  if (known) return known
  const span = spans[index]
  const row = el('div', { className: 'row ' + span.state + (span.critical ? ' critical' : ''), id: 'row-' + index })
  row.setAttribute('role', 'option')
  row.setAttribute('aria-selected', 'false')
  const when = span.at === undefined ? 'never began' : 'from ' + time(span.at) + ', took ' + time(span.ms)
  row.setAttribute('aria-label', span.name + ', ' + words(span.state) + ', ' + when + (span.critical ? ', on the critical path' : ''))
  row.title = (span.title ? span.title + '\n' : '') + words(span.state) + ', ' + when
  row.append(el('span', { className: 'name' }, mark(span.state), span.name))
  const track = el('span', { className: 'track' })
  if (span.at !== undefined) {
    const bar = el('span', { className: 'span' })
    const left = (span.at / total) * 100
    const width = ((span.ms || 0) / total) * 100
    bar.style.left = left + '%'
    bar.style.width = width + '%'
    const took = el('span', { className: 'took', textContent: time(span.ms || 0) })
    if (left + width > 85) took.style.right = 100 - left + '%'
    else took.style.left = left + width + '%'
    track.append(bar, took)
  }
  row.append(track)
  row.onclick = () => choose(index)
  rowOf.set(index, row)
  return row
}
function draw() {
  const wanted = byId('filter').value.trim().toLowerCase()
  const order = byId('order').value
  const only = byId('critical').checked
  shown = spans.map((_, i) => i).filter((i) => {
    const { name, state, critical: isCritical, title = '' } = spans[i]
    if (only && !isCritical) return false
    return wanted === '' || name.toLowerCase().includes(wanted) || words(state).includes(wanted) || title.toLowerCase().includes(wanted)
  })
  const start = (i) => spans[i].at === undefined ? Infinity : spans[i].at
  if (order === 'at') shown.sort((a, b) => start(a) - start(b) || a - b)
  else if (order === 'ms') shown.sort((a, b) => (spans[b].ms || 0) - (spans[a].ms || 0) || a - b)
  else shown.sort((a, b) => spans[a].name.localeCompare(spans[b].name, undefined, { numeric: true }))
  rows.replaceChildren(...shown.map(rowFor))
  byId('count').textContent = shown.length + ' of ' + (spans.length + run.leftOut) + ' shown' + (run.leftOut ? ' (the ' + run.leftOut + ' shortest are left out)' : '')
}
function drawAxis() {
  byId('inner').style.width = zoom === 1 ? '' : 'calc(260px + (100% - 260px) * ' + zoom + ')'
  const axis = byId('axis')
  const width = Math.max(200, byId('inner').clientWidth - 260)
  const rough = total / Math.max(2, Math.floor(width / 110))
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) || rough
  const ticks = []
  for (let at = 0; at <= total && ticks.length < 1000; at += step) {
    const tick = el('span', { textContent: time(at) })
    tick.style.left = 'calc(260px + (100% - 260px) * ' + at / total + ')'
    ticks.push(tick)
  }
  axis.replaceChildren(...ticks)
}
function setZoom(next) {
  zoom = Math.min(200, Math.max(1, next))
  drawAxis()
}
const states = [...new Set(spans.map(({ state }) => state))]
byId('legend').append(...states.map((state) => el('li', {}, mark(state), words(state))), ...(critical.length ? [el('li', { textContent: 'bold and outlined: critical path' })] : []))

// What is chosen.
function choose(index, scroll) {
  const before = rowOf.get(chosen)
  if (before) before.setAttribute('aria-selected', 'false')
  chosen = index
  const span = spans[index]
  const row = rowFor(index)
  row.setAttribute('aria-selected', 'true')
  byId('chart').setAttribute('aria-activedescendant', row.id)
  if (row.isConnected) row.scrollIntoView({ block: scroll ? 'center' : 'nearest', inline: 'nearest' })
  const box = byId('detail')
  const list = el('dl', {})
  const line = (term, ...what) => list.append(el('dt', { textContent: term }), el('dd', {}, ...what))
  const links = (indices) => indices.slice(0, 40).flatMap((i, n) => (n ? [', ', jump(i)] : [jump(i)])).concat(indices.length > 40 ? [' and ' + (indices.length - 40) + ' more'] : [])
  if (span.title) line('what', span.title)
  line('state', mark(span.state), words(span.state) + (span.critical ? ', on the critical path' : ''))
  if (span.at !== undefined) line('time', 'from ' + time(span.at) + ' to ' + time(span.at + (span.ms || 0)) + ', took ' + time(span.ms || 0))
  if (span.message) line('why', span.message)
  if (span.needs.length) line('needs', ...links(span.needs))
  if (neededBy[index].length) line('needed by', ...links(neededBy[index]))
  if (span.by !== undefined) line('called by', jump(span.by))
  if (called[index].length) line('calls', ...links(called[index]))
  if (span.log) line('log', el('code', { textContent: span.log }))
  for (const step of span.steps.slice(0, 100)) line('step', mark(step.ok ? 'done' : 'failed'), step.title + ', ' + time(step.ms))
  box.replaceChildren(el('h2', { className: 'name', textContent: span.name }), list)
  if (span.lines) box.append(el('pre', { textContent: span.lines.join('\n') }))
  box.hidden = false
  drawGraph()
}

// The graph: layers from left to right, in each layer ordered by where neighbours are.
const most = 250
function graphNodes() {
  if (spans.length <= most) return { nodes: spans.map((_, i) => i), whole: true }
  // Around what is chosen, or along the critical path and what failed.
  const nodes = new Set()
  const queue = chosen >= 0 ? [chosen] : spans.map((_, i) => i).filter((i) => spans[i].critical || spans[i].state === 'failed').slice(0, most)
  for (const i of queue) {
    if (nodes.size >= (chosen >= 0 ? 120 : most)) break
    if (nodes.has(i)) continue
    nodes.add(i)
    if (chosen >= 0) queue.push(...spans[i].needs, ...neededBy[i], ...called[i], ...(spans[i].by === undefined ? [] : [spans[i].by]))
  }
  return { nodes: [...nodes].sort((a, b) => a - b), whole: false }
}
const svg = (tag, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}
function drawGraph() {
  const { nodes, whole } = graphNodes()
  byId('graph-note').textContent = whole
    ? 'What needs what, from left to right.'
    : (chosen >= 0 ? 'Around ' + spans[chosen].name : 'The critical path and what failed') + ': ' + nodes.length + ' of ' + spans.length + ' ' + run.noun + '. Choose one above to see what is around it.'
  const inside = new Set(nodes)
  const edges = []
  for (const i of nodes) {
    for (const need of spans[i].needs) if (inside.has(need)) edges.push([need, i, false])
    if (spans[i].by !== undefined && inside.has(spans[i].by)) edges.push([spans[i].by, i, true])
  }
  const into = new Map(nodes.map((i) => [i, []]))
  const out = new Map(nodes.map((i) => [i, []]))
  for (const [from, to] of edges) { into.get(to).push(from); out.get(from).push(to) }
  // Longest path from the left (Kahn's order; what is on a cycle of calls stays where it is reached).
  const layer = new Map(nodes.map((i) => [i, 0]))
  const left = new Map(nodes.map((i) => [i, into.get(i).length]))
  const ready = nodes.filter((i) => left.get(i) === 0)
  for (const i of ready) for (const to of out.get(i)) {
    layer.set(to, Math.max(layer.get(to), layer.get(i) + 1))
    left.set(to, left.get(to) - 1)
    if (left.get(to) === 0) ready.push(to)
  }
  const layers = []
  for (const i of nodes) (layers[layer.get(i)] ||= []).push(i)
  const place = new Map()
  const note = () => layers.forEach((list) => list.forEach((i, n) => place.set(i, n)))
  note()
  for (let sweep = 0; sweep < 6; sweep++) {
    const side = sweep % 2 ? out : into
    for (const list of sweep % 2 ? [...layers].reverse() : layers) {
      const weight = new Map(list.map((i) => {
        const near = side.get(i)
        return [i, near.length ? near.reduce((sum, n) => sum + place.get(n), 0) / near.length : place.get(i)]
      }))
      list.sort((a, b) => weight.get(a) - weight.get(b) || a - b)
      note()
    }
  }
  const short = (name) => name.length > 30 ? name.slice(0, 29) + '\u2026' : name
  const widths = layers.map((list) => Math.max(...list.map((i) => short(spans[i].name).length)) * 7.4 + 34)
  const xs = widths.map((_, n) => 16 + widths.slice(0, n).reduce((sum, width) => sum + width + 60, 0))
  const tall = Math.max(...layers.map((list) => list.length))
  const height = tall * 36 + 20
  const y = (i) => { const list = layers[layer.get(i)]; return 10 + (height - 20) * ((place.get(i) + 0.5) / list.length) }
  const width = (xs.at(-1) || 0) + (widths.at(-1) || 0) + 16
  const root = svg('svg', { width, height, viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': 'Graph of ' + nodes.length + ' ' + run.noun })
  for (const [from, to, call] of edges) {
    const x1 = xs[layer.get(from)] + widths[layer.get(from)]
    const x2 = xs[layer.get(to)]
    const bend = Math.max(24, (x2 - x1) / 2)
    const path = svg('path', { d: 'M' + x1 + ' ' + y(from) + 'C' + (x1 + bend) + ' ' + y(from) + ' ' + (x2 - bend) + ' ' + y(to) + ' ' + x2 + ' ' + y(to) })
    path.setAttribute('class', (spans[from].critical && spans[to].critical ? 'critical ' : '') + (call ? 'call' : ''))
    root.append(path)
  }
  for (const i of nodes) {
    const node = svg('g', { class: 'node ' + spans[i].state + (spans[i].critical ? ' critical' : '') + (i === chosen ? ' chosen' : '') })
    const x = xs[layer.get(i)]
    const text = svg('text', { x: x + 10, y: y(i) + 4 })
    const sign = svg('tspan', { style: 'fill:var(--tone)' })
    sign.textContent = (marks[spans[i].state] || '?') + ' '
    text.append(sign, short(spans[i].name))
    const title = svg('title', {})
    title.textContent = spans[i].name + ': ' + words(spans[i].state)
    node.append(title, svg('rect', { x, y: y(i) - 13, width: widths[layer.get(i)], height: 26, rx: 5 }), text)
    node.addEventListener('click', () => choose(i, true))
    root.append(node)
  }
  byId('graph').replaceChildren(root)
}

// Input.
byId('filter').oninput = draw
byId('order').onchange = draw
byId('critical').onchange = draw
byId('in').onclick = () => setZoom(zoom * 1.6)
byId('out').onclick = () => setZoom(zoom / 1.6)
byId('fit').onclick = () => setZoom(1)
addEventListener('resize', drawAxis)
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const typing = event.target.matches && event.target.matches('input[type=search],select')
  if (event.key === 'Escape') {
    byId('filter').value = ''
    byId('critical').checked = false
    byId('chart').focus()
    draw()
    return
  }
  if (typing) return
  const move = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: Infinity }[event.key]
  if (move !== undefined && shown.length) {
    const at = shown.indexOf(chosen)
    choose(shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + move))])
  } else if (event.key === '/') { byId('filter').focus(); byId('filter').select() }
  else if (event.key === '+' || event.key === '=') setZoom(zoom * 1.6)
  else if (event.key === '-') setZoom(zoom / 1.6)
  else if (event.key === '0') setZoom(1)
  else if (event.key === 'c') { byId('critical').checked = !byId('critical').checked; draw() }
  else return
  event.preventDefault()
})
draw()
drawAxis()
drawGraph()
document.documentElement.dataset.ready = 'yes'
`
