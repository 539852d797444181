const CLAUSES = [
  'SELECT',
  'FROM',
  'WHERE',
  'GROUP BY',
  'HAVING',
  'ORDER BY',
  'LIMIT',
  'OFFSET',
  'UNION ALL',
  'UNION',
  'INSERT INTO',
  'VALUES',
  'UPDATE',
  'SET',
  'DELETE FROM',
  'RETURNING',
  'ON CONFLICT',
  'WITH',
  'INNER JOIN',
  'LEFT JOIN',
  'LEFT OUTER JOIN',
  'RIGHT JOIN',
  'FULL JOIN',
  'CROSS JOIN',
  'JOIN',
]
const CLAUSE = new RegExp(`^(?:${CLAUSES.map((words) => words.replace(' ', '\\s+')).join('|')})\\b`, 'i')
const JOINED = /^(?:AND|OR)\b/i
const TOKEN =
  /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`[^`]*`?|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|\w+|[(),;]|[^\s\w(),;'"`]+/g
const LONGEST = 20_000

/**
 * SQL with a line a clause. Only white space outside texts, quoted names and comments changes; what does not look like
 * SQL, and what is very long, comes back as it is.
 */
export function formatSql(sql: string): string {
  if (sql.length > LONGEST || !/^\s*(?:\/\*|--|\()?\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\b/i.test(sql))
    return sql
  let out = ''
  let depth = 0
  let pendingSpace = false
  const tokens = sql.matchAll(TOKEN)
  for (const match of tokens) {
    const token = match[0]
    if (/^\s+$/.test(token)) {
      pendingSpace = out !== ''
      continue
    }
    const rest = sql.slice(match.index, match.index + 24)
    const wordy = /^\w/.test(token)
    if (token.startsWith('--')) {
      out += `${pendingSpace ? ' ' : ''}${token}\n${'  '.repeat(depth)}`
      pendingSpace = false
      continue
    }
    const follows = /(?:INNER|LEFT|RIGHT|FULL|CROSS|OUTER|DELETE|INSERT|UNION|IS|DISTINCT)$/i.test(out.trimEnd())
    if (wordy && CLAUSE.test(rest) && !follows && !inSmallParentheses(out)) out = newLine(out, depth)
    else if (wordy && JOINED.test(token) && !inSmallParentheses(out) && !isBetween(out)) out = newLine(out, depth + 1)
    else if (pendingSpace && !out.endsWith('\n') && !out.endsWith(' ')) out += ' '
    pendingSpace = false
    if (token === '(') depth++
    if (token === ')') depth = Math.max(0, depth - 1)
    out += token
  }
  return out.trim()
}

function newLine(text: string, depth: number): string {
  const kept = text.trimEnd()
  return kept === '' ? '' : `${kept}\n${'  '.repeat(depth)}`
}

/** Inside parentheses that hold no SELECT of their own: lists and calls stay on their line. */
function inSmallParentheses(text: string): boolean {
  let depth = 0
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === ')') depth++
    else if (text[i] === '(' && depth-- === 0) {
      const inside = text.slice(i + 1).trimStart()
      return inside !== '' && !/^(?:SELECT|WITH)\b/i.test(inside)
    }
  }
  return false
}

/** `BETWEEN a AND b`: this AND joins no conditions. */
function isBetween(text: string): boolean {
  return /\bBETWEEN\s+\S+\s*$/i.test(text)
}
