import { expect, it } from 'vitest'
import type { PromqlAnswer } from '../../../core/query/promql/answer.ts'
import { fewAtOnce } from '../../../core/query/promql/few-at-once.ts'

it('keeps to its number, also when a query fails', async () => {
  let running = 0
  let most = 0
  const work = async (query: string): Promise<PromqlAnswer> => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    if (query === 'bad') throw new Error('bad')
    return {
      value: { type: 'scalar', time: 0, value: Number(query) },
      warnings: [],
      infos: [],
      samplesRead: 0,
      downsampled: false,
    }
  }
  const promql = fewAtOnce({ instant: work, range: work }, 3)
  const asked = Array.from({ length: 12 }, (_, i) => promql.instant(i % 4 === 1 ? 'bad' : String(i), 0))
  const answers = await Promise.allSettled(asked)
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(9)
  expect(most).toBe(3)
  expect(await promql.range('7', 0, 1, 1)).toMatchObject({ value: { value: 7 } })
})
