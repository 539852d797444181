/** Where the core is and the token of this session. */
export interface Connection {
  /** Origin, without a slash at the end. */
  api: string
  token: string | null
}

const KEY = 'glassbox.token'

/** From the desktop app, the address's fragment (which is then cleaned) or this tab's session. */
export function findConnection(): Connection {
  const given = window.glassbox?.connection
  if (given) return { api: given.api.replace(/\/$/, ''), token: given.token }
  const api = window.location.origin
  const fromFragment = new URLSearchParams(window.location.hash.slice(1)).get('token')
  if (fromFragment) {
    rememberToken(fromFragment)
    window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search)
    return { api, token: fromFragment }
  }
  return { api, token: readToken() }
}

export function rememberToken(token: string): void {
  try {
    window.sessionStorage.setItem(KEY, token)
  } catch {
    // Storage may be switched off: the token then lives as long as the page.
  }
}

function readToken(): string | null {
  try {
    return window.sessionStorage.getItem(KEY)
  } catch {
    return null
  }
}
