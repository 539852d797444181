import { z } from 'zod'
import { BOARD_COLUMNS, type BoardContent, PANEL_KINDS, REDUCERS, VARIABLE_KINDS } from '../../model/board.ts'
import type { RouteContract } from './route-contract.ts'

const query = z.strictObject({
  expr: z.string().max(20_000),
  label: z.string().max(500).default(''),
  hidden: z.boolean().default(false),
})

const panel = z.strictObject({
  id: z.string().min(1).max(64),
  title: z.string().max(500).default(''),
  description: z.string().max(10_000).default(''),
  kind: z.enum(PANEL_KINDS),
  x: z
    .int()
    .min(0)
    .max(BOARD_COLUMNS - 1),
  y: z.int().min(0).max(100_000),
  w: z.int().min(1).max(BOARD_COLUMNS),
  h: z.int().min(1).max(200),
  queries: z.array(query).max(50).default([]),
  unit: z.string().max(80).default(''),
  decimals: z.int().min(0).max(12).nullable().default(null),
  min: z.number().nullable().default(null),
  max: z.number().nullable().default(null),
  thresholds: z
    .array(z.strictObject({ value: z.number().nullable(), level: z.enum(['ok', 'warn', 'err', 'info', 'none']) }))
    .max(50)
    .default([]),
  stack: z.boolean().default(false),
  log: z.boolean().default(false),
  reduce: z.enum(REDUCERS).default('last'),
  text: z.string().max(50_000).default(''),
  repeat: z
    .strictObject({ variable: z.string().min(1).max(64), perRow: z.int().min(1).max(BOARD_COLUMNS) })
    .nullable()
    .default(null),
})

const variable = z.strictObject({
  name: z.string().regex(/^\w{1,64}$/, 'is not a name of letters, digits and _'),
  label: z.string().max(200).default(''),
  kind: z.enum(VARIABLE_KINDS),
  query: z.string().max(20_000).default(''),
  regex: z.string().max(2000).default(''),
  multi: z.boolean().default(false),
  includeAll: z.boolean().default(false),
  allValue: z.string().max(2000).default(''),
  value: z.array(z.string().max(2000)).max(1000).default([]),
})

/** What a board holds; ids of panels and names of variables must not repeat. */
export const boardContent = z
  .strictObject({
    title: z.string().trim().min(1).max(200),
    description: z.string().max(10_000).default(''),
    range: z
      .string()
      .regex(/^(\d+(s|m|h|d|w))?$/, 'is not a relative range such as 1h')
      .default(''),
    variables: z.array(variable).max(100).default([]),
    panels: z.array(panel).max(500).default([]),
  })
  .superRefine(({ panels, variables }, context) => {
    const repeated = (list: readonly string[]): string | undefined =>
      list.find((one, index) => list.indexOf(one) !== index)
    const id = repeated(panels.map((one) => one.id))
    if (id !== undefined)
      context.addIssue({ code: 'custom', path: ['panels'], message: `two panels have the id ${id}` })
    const name = repeated(variables.map((one) => one.name))
    if (name !== undefined)
      context.addIssue({ code: 'custom', path: ['variables'], message: `two variables are called ${name}` })
  }) satisfies z.ZodType<BoardContent>

const byBoard = z.strictObject({ id: z.string().min(1).max(64) })

export const boardRoutes = {
  boards: { method: 'GET', path: '/api/boards', summary: 'Every board, by title', answer: '{ items: BoardInfo[] }' },
  createBoard: {
    method: 'POST',
    path: '/api/boards',
    summary: 'Saves a new board',
    body: boardContent,
    answer: 'Board',
  },
  readBoardFile: {
    method: 'POST',
    path: '/api/boards/read',
    summary: 'Reads a dashboard of Grafana, or a board, from a file and says what of it cannot be shown; saves nothing',
    query: z.strictObject({ name: z.string().max(1024).default('') }),
    body: 'raw',
    answer: 'BoardImport',
  },
  board: { method: 'GET', path: '/api/boards/{id}', summary: 'One board', params: byBoard, answer: 'Board' },
  replaceBoard: {
    method: 'PUT',
    path: '/api/boards/{id}',
    summary: 'Replaces a board that is still at this version',
    params: byBoard,
    body: z.strictObject({ version: z.int().min(1), content: boardContent }),
    answer: 'Board',
  },
  removeBoard: {
    method: 'DELETE',
    path: '/api/boards/{id}',
    summary: 'Deletes a board; it can be restored for 30 days',
    params: byBoard,
    query: z.strictObject({
      version: z
        .string()
        .regex(/^\d{1,9}$/, 'is not a version')
        .transform(Number)
        .optional(),
    }),
    answer: '{ id }',
  },
  restoreBoard: {
    method: 'POST',
    path: '/api/boards/{id}/restore',
    summary: 'Brings back a deleted board',
    params: byBoard,
    answer: 'Board',
  },
} as const satisfies Record<string, RouteContract>
