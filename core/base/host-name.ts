/** Whether a Host header is one of `server.allowedHosts`: a name alone stands for any port, `name:port` for that one. */
export function isConfigured(host: string, allowed: readonly string[]): boolean {
  const given = host.trim().toLowerCase()
  const name = given.replace(/:\d+$/, '')
  return allowed.some((one) => one.toLowerCase() === given || one.toLowerCase() === name)
}
