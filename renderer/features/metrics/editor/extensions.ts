import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  completionStatus,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands'
import { bracketMatching, syntaxTree } from '@codemirror/language'
import { type Diagnostic, linter } from '@codemirror/lint'
import { Compartment, type Extension, Prec, RangeSetBuilder } from '@codemirror/state'
import {
  Decoration,
  type DecorationSet,
  EditorView,
  hoverTooltip,
  keymap,
  lineNumbers,
  placeholder,
  ViewPlugin,
  type ViewUpdate,
} from '@codemirror/view'
import { type CompleteStrategy, PromQLExtension } from '@prometheus-io/codemirror-promql'
import { signatureOf } from '../derive/signatures.ts'
import { functionCard } from './completion.ts'

export interface PromqlHooks {
  run(): void
  /** Text to show instead when the editor is empty, or shows an earlier one: `-1` older, `1` newer. Null keeps it. */
  recall(direction: -1 | 1, text: string): string | null
  /** What is wrong with the text, by the parser that will run it. */
  check(text: string): Promise<Diagnostic[]>
  sentence(name: string): string
  completion: CompleteStrategy
  placeholder: string
  label: string
}

const LINT_MS = 300
const texts = new Compartment()

/** An editor of PromQL: colours, completion, faults while typing, functions explained under the pointer, history. */
export function promqlExtensions(hooks: PromqlHooks): Extension[] {
  return [
    history(),
    lineNumbers(),
    bracketMatching(),
    closeBrackets(),
    new PromQLExtension().activateLinter(false).setComplete({ completeStrategy: hooks.completion }).asExtension(),
    colours,
    autocompletion({
      icons: false,
      closeOnBlur: true,
      activateOnTypingDelay: 80,
      // Tab right after the list came would else leave the editor.
      interactionDelay: 0,
      maxRenderedOptions: 60,
    }),
    linter((view) => hooks.check(view.state.doc.toString()), { delay: LINT_MS }),
    hoverTooltip((view, pos) => {
      const word = view.state.wordAt(pos)
      const name = word ? view.state.sliceDoc(word.from, word.to) : ''
      const signature = signatureOf(name)
      if (!word || !signature) return null
      return {
        pos: word.from,
        end: word.to,
        above: false,
        create: () => ({ dom: functionCard(signature, hooks.sentence(name)) }),
      }
    }),
    Prec.highest(keymap.of(keys(hooks))),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
    EditorView.lineWrapping,
    texts.of(wording(hooks)),
  ]
}

function wording({ placeholder: text, label }: Pick<PromqlHooks, 'placeholder' | 'label'>): Extension {
  return [
    placeholder(text),
    EditorView.contentAttributes.of({ 'aria-label': label, 'aria-multiline': 'true', spellcheck: 'false' }),
  ]
}

/** For another language. */
export function reword(view: EditorView, words: Pick<PromqlHooks, 'placeholder' | 'label'>): void {
  view.dispatch({ effects: texts.reconfigure(wording(words)) })
}

function keys(hooks: PromqlHooks): { key: string; run: (view: EditorView) => boolean }[] {
  const recall = (direction: -1 | 1) => (view: EditorView) => {
    if (completionStatus(view.state) !== null) return false
    const text = view.state.doc.toString()
    const found = hooks.recall(direction, text)
    if (found === null) return false
    view.dispatch({ changes: { from: 0, to: text.length, insert: found }, selection: { anchor: found.length } })
    return true
  }
  return [
    {
      key: 'Mod-Enter',
      run: () => {
        hooks.run()
        return true
      },
    },
    { key: 'Shift-Enter', run: insertNewlineAndIndent },
    { key: 'Tab', run: (view) => completionStatus(view.state) === 'active' && acceptCompletion(view) },
    { key: 'ArrowUp', run: recall(-1) },
    { key: 'ArrowDown', run: recall(1) },
    {
      key: 'Escape',
      run: (view) => {
        if (completionStatus(view.state) !== null) return false
        view.contentDOM.blur()
        return true
      },
    },
  ]
}

/** Classes by the grammar's own node names. */
const CLASS: Record<string, string> = {
  FunctionIdentifier: 'pq-function',
  AggregateOp: 'pq-function',
  AggregateModifier: 'pq-keyword',
  BoolModifier: 'pq-keyword',
  On: 'pq-keyword',
  Ignoring: 'pq-keyword',
  GroupLeft: 'pq-keyword',
  GroupRight: 'pq-keyword',
  By: 'pq-keyword',
  Without: 'pq-keyword',
  And: 'pq-keyword',
  Or: 'pq-keyword',
  Unless: 'pq-keyword',
  Offset: 'pq-keyword',
  Bool: 'pq-keyword',
  LabelName: 'pq-label',
  QuotedLabelName: 'pq-label',
  StringLiteral: 'pq-string',
  NumberDurationLiteral: 'pq-number',
  NumberDurationLiteralInDurationContext: 'pq-number',
  LineComment: 'pq-comment',
}

const colours = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet
    constructor(view: EditorView) {
      this.decorations = build(view)
    }
    update(update: ViewUpdate): void {
      if (update.docChanged || syntaxTree(update.startState) !== syntaxTree(update.state))
        this.decorations = build(update.view)
    }
  },
  { decorations: (plugin) => plugin.decorations },
)

function build(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>()
  syntaxTree(view.state).iterate({
    enter: ({ name, from, to }) => {
      const found = CLASS[name]
      if (!found || to <= from) return undefined
      builder.add(from, to, Decoration.mark({ class: found }))
      return false
    },
  })
  return builder.finish()
}
