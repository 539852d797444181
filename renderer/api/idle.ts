/** Knows whether requests are on their way, so that tests need not wait by the clock. */

let pending = 0
let settledFrames = 0

export function requestStarted(): void {
  pending++
  settledFrames = 0
}

export function requestEnded(): void {
  pending--
}

/** Offers `window.glassboxIdle()`: true once nothing is pending and two frames were painted since. */
export function offerIdleFlag(): void {
  const step = (): void => {
    settledFrames = pending === 0 ? settledFrames + 1 : 0
    window.requestAnimationFrame(step)
  }
  window.requestAnimationFrame(step)
  window.glassboxIdle = () => pending === 0 && settledFrames >= 3
}
