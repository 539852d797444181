/**
 * Many nodes in little room: columns from caller to called as the small layout has them, but a long column is broken into
 * several, so that the whole is about as wide as a screen. Lines go straight from node to node, behind the nodes.
 */

const GAP_X = 72
const GAP_Y = 16
const GROUP_GAP = 56
const MARGIN = 16
/** Width to height of the place where maps are drawn. */
const ASPECT = 1.6
const SWEEPS = 3

interface Size {
  width: number
  height: number
}
interface PackedLayout extends Size {
  /** Upper left corners. */
  places: Map<string, { x: number; y: number }>
}

export function packedLayout(
  nodes: readonly string[],
  edges: readonly { from: string; to: string }[],
  size: Size,
): PackedLayout {
  const layers = orderLayers(layersOf(nodes, edges), edges)
  const rows = bestRows(layers, size)
  const places = new Map<string, { x: number; y: number }>()
  const height = rows * (size.height + GAP_Y) - GAP_Y
  let x = MARGIN
  for (const layer of layers) {
    const columns = Math.ceil(layer.length / rows)
    const each = Math.ceil(layer.length / columns)
    layer.forEach((id, at) => {
      const column = Math.floor(at / each)
      const inColumn = Math.min(each, layer.length - column * each)
      const top = (height - (inColumn * (size.height + GAP_Y) - GAP_Y)) / 2
      places.set(id, {
        x: x + column * (size.width + GAP_X),
        y: MARGIN + top + (at % each) * (size.height + GAP_Y),
      })
    })
    x += columns * (size.width + GAP_X) + GROUP_GAP
  }
  return { places, width: x - GAP_X - GROUP_GAP + MARGIN, height: height + 2 * MARGIN }
}

/** Nodes by how many calls they lie from one that nobody calls; what only cycles reach begins at its first node. */
function layersOf(nodes: readonly string[], edges: readonly { from: string; to: string }[]): string[][] {
  const called = new Map<string, string[]>()
  const callers = new Map<string, number>()
  for (const { from, to } of edges) {
    if (from === to) continue
    const list = called.get(from)
    if (list) list.push(to)
    else called.set(from, [to])
    callers.set(to, (callers.get(to) ?? 0) + 1)
  }
  const depth = new Map<string, number>()
  const visit = (starts: readonly string[]): void => {
    let border = starts.filter((id) => !depth.has(id))
    for (let level = 0; border.length > 0; level++) {
      for (const id of border) depth.set(id, level)
      border = [...new Set(border.flatMap((id) => called.get(id) ?? []))].filter((id) => !depth.has(id))
    }
  }
  visit(nodes.filter((id) => !callers.has(id)))
  for (const id of nodes) visit([id])
  const layers: string[][] = []
  for (const id of nodes) {
    const level = depth.get(id) ?? 0
    layers[level] ??= []
    layers[level].push(id)
  }
  return layers.filter(Boolean)
}

/** Orders each layer by the middle of the places of its neighbours in the layers before, so that fewer lines cross. */
function orderLayers(layers: string[][], edges: readonly { from: string; to: string }[]): string[][] {
  const near = new Map<string, string[]>()
  for (const { from, to } of edges)
    for (const [one, other] of [
      [from, to],
      [to, from],
    ]) {
      const list = near.get(one)
      if (list) list.push(other)
      else near.set(one, [other])
    }
  const place = new Map<string, number>()
  const note = (layer: readonly string[]): void => {
    for (const [at, id] of layer.entries()) place.set(id, (at + 0.5) / layer.length)
  }
  for (const layer of layers) note(layer)
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (const layer of layers) {
      const middle = new Map(
        layer.map((id) => {
          const others = (near.get(id) ?? []).map((other) => place.get(other) ?? 0.5)
          const mean = others.reduce((sum, one) => sum + one, 0) / Math.max(1, others.length)
          return [id, others.length === 0 ? (place.get(id) ?? 0.5) : mean]
        }),
      )
      layer.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0) || (a < b ? -1 : 1))
      note(layer)
    }
  return layers
}

/** How many nodes a column holds so that the drawing is shown largest. */
function bestRows(layers: readonly string[][], { width, height }: Size): number {
  const most = Math.max(1, ...layers.map((layer) => layer.length))
  let best = 1
  let least = Number.POSITIVE_INFINITY
  for (let rows = 1; rows <= most; rows++) {
    const columns = layers.reduce((sum, layer) => sum + Math.ceil(layer.length / rows), 0)
    const wide = columns * (width + GAP_X) + layers.length * GROUP_GAP
    const size = Math.max(wide / ASPECT, rows * (height + GAP_Y))
    if (size < least) {
      least = size
      best = rows
    }
  }
  return best
}
