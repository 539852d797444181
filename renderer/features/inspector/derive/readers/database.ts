import type { SpanRecord } from '../../../../../core/model/records.ts'
import { formatSql } from './format-sql.ts'
import { AttributeText, pairsPart, type Reading, splitCut } from './reading.ts'

/** Database spans: the statement formatted, its parameters, what came back. */
export function readDatabase(span: SpanRecord): Reading | null {
  const text = new AttributeText(span)
  const system = text.get('db.system.name', 'db.system')
  const query = text.get('db.query.text', 'db.statement')
  if (system === '' && query === '') return null
  const target = text.get('db.collection.name', 'db.sql.table', 'db.mongodb.collection')
  const operation = text.get('db.operation.name', 'db.operation')
  const { text: statement, cutBytes } = splitCut(query)
  return {
    kind: 'database',
    headline: [operation, target].filter(Boolean).join(' ') || text.get('db.query.summary') || span.name,
    note: system,
    request: [
      ...(statement
        ? [
            {
              kind: 'code' as const,
              title: 'query' as const,
              language: 'sql' as const,
              text: formatSql(statement),
              cutBytes,
            },
          ]
        : []),
      ...pairsPart('parameters', [...text.under('db.query.parameter.'), ...text.under('db.operation.parameter.')]),
      ...pairsPart(
        'general',
        text.some('db.namespace', 'db.name', 'db.user', 'server.address', 'server.port', 'db.operation.batch.size'),
      ),
    ],
    response: pairsPart('result', text.some('db.response.returned_rows', 'db.response.status_code', 'error.type')),
  }
}
