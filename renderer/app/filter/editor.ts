import {
  acceptCompletion,
  autocompletion,
  type Completion,
  completionStatus,
  currentCompletions,
  selectedCompletion,
  startCompletion,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { Compartment, EditorState, type Extension, Prec, type Range } from '@codemirror/state'
import {
  Decoration,
  type DecorationSet,
  EditorView,
  keymap,
  placeholder,
  ViewPlugin,
  type ViewUpdate,
  WidgetType,
} from '@codemirror/view'
import { count } from '../../ui/format.ts'
import { type Suggestion, type SuggestionSource, suggest } from './suggest.ts'
import { type PlacedTerm, scanTerms, termText } from './terms.ts'

export interface EditorHooks {
  source: SuggestionSource
  /** The terms that are in force now, as `termText` writes them. */
  applied: () => ReadonlySet<string>
  commit: () => void
  leave: () => void
  removeLabel: (term: string) => string
  /** Shown while there is no text. */
  placeholder: string
  label: string
}

type Offered = Completion & { suggestion: Suggestion }

const texts = new Compartment()

/** One line of text whose terms look like tokens. */
export function filterExtensions(hooks: EditorHooks): Extension[] {
  return [
    history(),
    oneLine,
    tokens(hooks),
    autocompletion({
      activateOnTyping: true,
      activateOnTypingDelay: 60,
      selectOnOpen: false,
      icons: false,
      closeOnBlur: true,
      override: [
        async (context) => {
          if (!context.explicit && context.pos === 0 && context.state.doc.length === 0) return null
          const found = await suggest(hooks.source, context.state.doc.toString(), context.pos)
          if (!found || context.aborted || found.items.length === 0) return null
          return { from: found.from, filter: false, options: found.items.map((item) => option(item, hooks)) }
        },
      ],
      optionClass: (completion) => ((completion as Offered).suggestion.count === 0 ? 'nothing' : ''),
      addToOptions: [{ render: (completion) => countOf(completion as Offered), position: 90 }],
    }),
    Prec.highest(keymap.of(keys(hooks))),
    keymap.of([...defaultKeymap, ...historyKeymap]),
    texts.of(textExtensions(hooks)),
  ]
}

function textExtensions({ placeholder: text, label }: Pick<EditorHooks, 'placeholder' | 'label'>): Extension {
  return [
    placeholder(text),
    EditorView.contentAttributes.of({ 'aria-label': label, 'aria-multiline': 'false', spellcheck: 'false' }),
  ]
}

/** For another language. */
export function retext(view: EditorView, words: Pick<EditorHooks, 'placeholder' | 'label'>): void {
  view.dispatch({ effects: texts.reconfigure(textExtensions(words)) })
}

function option(suggestion: Suggestion, hooks: EditorHooks): Offered {
  return {
    label: suggestion.label,
    suggestion,
    apply(view, _completion, from, to) {
      const insert = suggestion.insert
      view.dispatch({
        changes: { from, to, insert },
        selection: { anchor: from + insert.length },
        userEvent: 'input.complete',
      })
      if (suggestion.complete) hooks.commit()
      else startCompletion(view)
    },
  }
}

function countOf({ suggestion }: Offered): Node | null {
  if (suggestion.count === null) return null
  const element = document.createElement('span')
  element.className = 'count'
  element.textContent = count(suggestion.count)
  return element
}

/** Line ends of what is pasted become blanks. */
const oneLine = EditorState.transactionFilter.of((transaction) => {
  if (!transaction.docChanged || transaction.newDoc.lines === 1) return transaction
  const text = transaction.newDoc.toString().replace(/\s*\n\s*/g, ' ')
  return [
    { changes: { from: 0, to: transaction.startState.doc.length, insert: text }, selection: { anchor: text.length } },
  ]
})

function keys(hooks: EditorHooks): { key: string; run: (view: EditorView) => boolean }[] {
  return [
    { key: 'Enter', run: (view) => acceptChosen(view) || commit(hooks) },
    {
      key: 'Tab',
      run: (view) => completionStatus(view.state) === 'active' && (acceptCompletion(view) || acceptFirst(view)),
    },
    { key: 'ArrowDown', run: (view) => completionStatus(view.state) === null && startCompletion(view) },
    { key: 'Backspace', run: (view) => selectTerm(view, hooks) },
    {
      key: 'Escape',
      run: (view) => {
        if (completionStatus(view.state) !== null) return false
        hooks.leave()
        return true
      },
    },
  ]
}

function commit(hooks: EditorHooks): boolean {
  hooks.commit()
  return true
}

/** Takes the chosen suggestion, or the first when it is a whole term that the typed word begins: `err` is status=error. */
function acceptChosen(view: EditorView): boolean {
  if (completionStatus(view.state) !== 'active') return false
  if (selectedCompletion(view.state)) return acceptCompletion(view)
  const first = currentCompletions(view.state)[0] as Offered | undefined
  return first?.suggestion.kind === 'term' && acceptFirst(view)
}

function acceptFirst(view: EditorView): boolean {
  const first = currentCompletions(view.state)[0] as Offered | undefined
  if (!first || typeof first.apply !== 'function') return false
  const term = termBefore(view.state, view.state.selection.main.head)
  const from = term ? term.from + (term.negated ? 1 : 0) : view.state.selection.main.head
  const start = first.suggestion.kind === 'value' && term ? term.valueFrom : from
  first.apply(view, first, start, view.state.selection.main.head)
  return true
}

/** The term that ends at the cursor, or one blank before it. */
function termBefore(state: EditorState, cursor: number): PlacedTerm | undefined {
  const text = state.doc.toString()
  return scanTerms(text).find(({ to }) => to === cursor || (to === cursor - 1 && text[to] === ' '))
}

/** A first Backspace after a term in force selects it, so that a second one deletes it whole. */
function selectTerm(view: EditorView, hooks: EditorHooks): boolean {
  const { main } = view.state.selection
  const term = main.empty ? termBefore(view.state, main.head) : undefined
  if (!term || term.op === '' || !hooks.applied().has(termText(term))) return false
  view.dispatch({ selection: { anchor: main.head, head: term.from } })
  return true
}

class RemoveWidget extends WidgetType {
  readonly term: PlacedTerm
  readonly hooks: EditorHooks

  constructor(term: PlacedTerm, hooks: EditorHooks) {
    super()
    this.term = term
    this.hooks = hooks
  }

  override eq(other: RemoveWidget): boolean {
    return other.term.from === this.term.from && termText(other.term) === termText(this.term)
  }

  override toDOM(view: EditorView): HTMLElement {
    const button = document.createElement('button')
    button.type = 'button'
    button.tabIndex = -1
    button.className = 'remove'
    button.setAttribute('aria-label', this.hooks.removeLabel(termText(this.term)))
    button.textContent = '×'
    button.addEventListener('mousedown', (event) => event.preventDefault())
    button.addEventListener('click', () => {
      const { from, to } = this.term
      const after = view.state.doc.sliceString(to, to + 1) === ' ' ? 1 : 0
      view.dispatch({ changes: { from, to: to + after }, userEvent: 'delete' })
      this.hooks.commit()
    })
    return button
  }

  override ignoreEvent(): boolean {
    return true
  }
}

function tokens(hooks: EditorHooks): Extension {
  const build = (view: EditorView): DecorationSet => {
    const ranges: Range<Decoration>[] = []
    const { head } = view.state.selection.main
    const applied = hooks.applied()
    for (const term of scanTerms(view.state.doc.toString())) {
      const inside = view.hasFocus && head >= term.from && head <= term.to
      const mark = (name: string, from: number, to: number): void => {
        if (to > from) ranges.push(Decoration.mark({ class: name }).range(from, to))
      }
      if (term.problem !== null && !inside) mark('bad', term.from, term.to)
      if (term.op === '') continue
      const settled = applied.has(termText(term))
      mark(settled ? 'token settled' : 'token', term.from, term.to)
      mark('key', term.keyFrom, term.keyTo)
      mark('op', term.opFrom, term.opTo)
      if (settled) ranges.push(Decoration.widget({ widget: new RemoveWidget(term, hooks), side: 1 }).range(term.to))
    }
    return Decoration.set(ranges, true)
  }
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet
      constructor(view: EditorView) {
        this.decorations = build(view)
      }
      update(update: ViewUpdate): void {
        this.decorations = build(update.view)
      }
    },
    { decorations: (plugin) => plugin.decorations },
  )
}
