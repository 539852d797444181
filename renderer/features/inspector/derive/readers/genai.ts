import type { SpanRecord } from '../../../../../core/model/records.ts'
import { valueText } from '../../../../../core/model/value-text.ts'
import { AttributeText, bodyPart, type ChatMessage, pairsPart, type Reading, type ReadingPart } from './reading.ts'

/** Spans of the GenAI conventions: prompt, answer, tool calls, tokens; messages in attributes or, as once, in events. */
export function readGenAi(span: SpanRecord): Reading | null {
  const text = new AttributeText(span)
  const operation = text.get('gen_ai.operation.name')
  const provider = text.get('gen_ai.provider.name', 'gen_ai.system')
  const model = text.get('gen_ai.request.model', 'gen_ai.response.model')
  if (operation === '' && provider === '' && model === '') return null
  const events = messagesOfEvents(span)
  const system = parseMessages(text.get('gen_ai.system_instructions'), 'system')
  const input = parseMessages(text.get('gen_ai.input.messages', 'gen_ai.prompt'), 'user')
  const output = parseMessages(text.get('gen_ai.output.messages', 'gen_ai.completion'), 'assistant')
  const tool = text.get('gen_ai.tool.name')
  return {
    kind: 'genai',
    headline: [operation, tool || text.get('gen_ai.agent.name') || model].filter(Boolean).join(' '),
    note: provider,
    request: [
      ...messages('prompt', [...system, ...input, ...events.input]),
      ...bodyPart('toolCall', text.get('gen_ai.tool.call.arguments')),
      ...pairsPart(
        'settings',
        text.some(
          'gen_ai.request.model',
          'gen_ai.request.temperature',
          'gen_ai.request.top_p',
          'gen_ai.request.max_tokens',
          'gen_ai.conversation.id',
          'gen_ai.tool.call.id',
          'gen_ai.tool.description',
        ),
      ),
    ],
    response: [
      ...messages('answer', [...output, ...events.output]),
      ...bodyPart('result', text.get('gen_ai.tool.call.result')),
      ...pairsPart(
        'usage',
        text.some(
          'gen_ai.usage.input_tokens',
          'gen_ai.usage.prompt_tokens',
          'gen_ai.usage.output_tokens',
          'gen_ai.usage.completion_tokens',
          'gen_ai.usage.cost',
          'gen_ai.usage.total_cost',
          'gen_ai.cost',
          'llm.usage.total_cost',
          'gen_ai.response.model',
          'gen_ai.response.finish_reasons',
        ),
      ),
    ],
  }
}

function messages(title: 'prompt' | 'answer', list: ChatMessage[]): ReadingPart[] {
  return list.length > 0 ? [{ kind: 'messages', title, messages: list }] : []
}

/** Messages as the conventions write them, as chat APIs do, or plain text. */
function parseMessages(text: string, role: string): ChatMessage[] {
  if (text === '') return []
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return [{ role, parts: [{ kind: 'text', name: '', text }] }]
  }
  const list = Array.isArray(parsed) ? parsed : [parsed]
  // System instructions are a list of parts without roles.
  if (list.length > 0 && list.every((one) => isRecord(one) && 'type' in one && !('role' in one)))
    return [{ role, parts: list.map((one) => part(one)) }]
  return list.map((one) => {
    if (!isRecord(one)) return { role, parts: [{ kind: 'text' as const, name: '', text: asText(one) }] }
    const inner = one['parts'] ?? one['content'] ?? ''
    const parts = Array.isArray(inner) ? inner.map(part) : [part(inner)]
    const calls = Array.isArray(one['tool_calls']) ? one['tool_calls'].map(part) : []
    return {
      role: asText(one['role'] ?? role),
      parts: [...parts.filter((p) => p.text !== '' || p.name !== ''), ...calls],
    }
  })
}

function part(value: unknown): ChatMessage['parts'][number] {
  if (!isRecord(value)) return { kind: 'text', name: '', text: asText(value) }
  const type = asText(value['type'])
  const call = isRecord(value['function']) ? value['function'] : value
  if (type === 'tool_call' || type === 'tool_use' || type === 'function')
    return { kind: 'call', name: asText(call['name']), text: asText(call['arguments'] ?? call['input'] ?? '') }
  if (type === 'tool_call_response' || type === 'tool_result')
    return {
      kind: 'result',
      name: asText(value['name'] ?? ''),
      text: asText(value['response'] ?? value['result'] ?? value['content'] ?? ''),
    }
  const content = value['content'] ?? value['text']
  return { kind: 'text', name: '', text: content === undefined ? JSON.stringify(value) : asText(content) }
}

function messagesOfEvents(span: SpanRecord): { input: ChatMessage[]; output: ChatMessage[] } {
  const found = { input: [] as ChatMessage[], output: [] as ChatMessage[] }
  for (const event of span.events) {
    const match = /^gen_ai\.(?:(system|user|assistant|tool)\.message|(choice)|content\.(prompt|completion))$/.exec(
      event.name,
    )
    if (!match) continue
    const content = event.attributes?.find(({ key }) => /^(gen_ai\.(event\.)?)?(content|prompt|completion)$/.test(key))
    const list = parseMessages(valueText(content?.value), match[1] ?? (match[3] === 'prompt' ? 'user' : 'assistant'))
    ;(match[2] || match[3] === 'completion' ? found.output : found.input).push(...list)
  }
  return found
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}
