import {
  Activity,
  Archive,
  ArchiveRestore,
  Bookmark,
  Cable,
  ChartLine,
  Contrast,
  Filter,
  Gauge,
  History,
  Languages,
  LayoutDashboard,
  Link,
  Radio,
  RefreshCw,
  ScrollText,
  Send,
  Settings,
  Workflow,
} from '@lucide/vue'
import type { Component } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useText } from '../i18n/index.ts'
import { count, duration, shortId } from '../ui/format.ts'
import { timeOfDay } from '../ui/format-time.ts'
import { useActions } from './actions.ts'
import { traceIdIn } from './palette-rank.ts'
import { type RecentTrace, recentTraces } from './recents.ts'
import { sharedQuery } from './shared-query.ts'
import { usePreferences } from './stores/preferences.ts'
import { useRange } from './stores/range.ts'
import { useServices } from './stores/services.ts'
import { useViews } from './stores/views.ts'

export const GROUPS = ['groupTrace', 'groupServices', 'groupTraces', 'groupDo', 'groupGo', 'groupSettings'] as const

export interface Command {
  id: string
  group: (typeof GROUPS)[number]
  label: string
  note?: string
  icon: Component
  service?: string
  failed?: boolean
  keys?: string[]
  always?: 'first' | 'kept'
  run: () => void
}

/** Everything the palette offers: screens, actions, services, traces, settings, and a pasted trace id. */
export function usePaletteCommands(): (text: string, found: readonly RecentTrace[]) => Command[] {
  const { t } = useText()
  const route = useRoute()
  const router = useRouter()
  const range = useRange()
  const services = useServices()
  const views = useViews()
  const preferences = usePreferences()
  const actions = useActions()
  const go = (path: string, query = {}) => void router.push({ path, query: { ...sharedQuery(route.query), ...query } })

  const screen = (id: string, label: string, icon: Component, key: string): Command => ({
    id,
    group: 'groupGo',
    label,
    icon,
    keys: ['g', key],
    run: () => go(`/${id}`),
  })
  const screens = (): Command[] => [
    screen('system', t('shell.tabSystem'), Gauge, 's'),
    screen('traces', t('shell.tabTraces'), Activity, 't'),
    screen('logs', t('shell.logs'), ScrollText, 'l'),
    screen('metrics', t('shell.metrics'), ChartLine, 'm'),
    screen('boards', t('shell.boards'), LayoutDashboard, 'd'),
    screen('map', t('shell.map'), Workflow, 'p'),
    screen('runs', t('shell.runs'), History, 'r'),
    screen('backups', t('shell.backups'), Archive, 'b'),
    screen('connect', t('shell.connect'), Cable, 'c'),
    screen('settings', t('shell.settings'), Settings, ','),
    ...views.items.map(
      (view): Command => ({
        id: `view ${view.id}`,
        group: 'groupGo',
        label: view.name,
        note: t(
          view.screen === 'logs' ? 'shell.logs' : view.screen === 'metrics' ? 'shell.metrics' : 'shell.tabTraces',
        ),
        icon: Bookmark,
        run: () =>
          void router.push({ path: `/${view.screen}`, query: Object.fromEntries(new URLSearchParams(view.query)) }),
      }),
    ),
  ]
  const act = (id: string, label: string, icon: Component, run: () => void, key?: string): Command => ({
    id,
    group: 'groupDo',
    label,
    icon,
    run,
    ...(key ? { keys: [key] } : {}),
  })
  const doing = (): Command[] => [
    act('refresh', t('shell.actionRefresh'), RefreshCw, range.refresh, 'r'),
    act('live', t('shell.actionLive'), Radio, () => range.setLive(!range.live), 'l'),
    act('link', t('shell.actionCopyLink'), Link, () => void actions.copyLink(), 'c'),
    act('test', t('shell.actionTestTrace'), Send, () => void actions.sendTestTrace()),
    act('backup', t('shell.actionBackUp'), Archive, () => void router.push('/backups/new')),
    act('restore', t('shell.actionRestore'), ArchiveRestore, () => void router.push('/backups/restore')),
    act('theme', t('shell.actionTheme'), Contrast, actions.switchTheme),
    act('language', t('shell.actionLanguage'), Languages, actions.switchLanguage),
  ]
  const settings = (): Command[] =>
    ['general', 'intake', 'storage', 'metrics', 'retention', 'backup', 'desktop', 'keyboard', 'transfer', 'about'].map(
      (section) => ({
        id: `settings ${section}`,
        group: 'groupSettings',
        label: t(`settings.${section}`),
        icon: Settings,
        run: () => go(`/settings/${section}`),
      }),
    )
  /** Services stand for themselves; what can be done with one comes only when it is typed. */
  const ofServices = (text: string): Command[] =>
    services.sorted.flatMap((info) => {
      const { service } = info
      const own: Command = {
        id: `service ${service}`,
        group: 'groupServices',
        label: service,
        note: t('shell.serviceNote', { spans: count(info.spans), errors: count(info.errors) }),
        icon: Activity,
        service,
        run: () => go('/traces', { service }),
      }
      if (text.length < 2 || !service.toLowerCase().includes(text.toLowerCase())) return [own]
      return [
        own,
        ...(route.meta.timed
          ? [act(`filter ${service}`, t('shell.filterBy', { service }), Filter, () => range.change({ service }))]
          : []),
        {
          id: `logs ${service}`,
          group: 'groupGo' as const,
          label: t('shell.logsOf', { service }),
          note: t('shell.linesNote', { n: count(info.logs) }),
          icon: ScrollText,
          run: () => go('/logs', { service }),
        },
      ]
    })
  const trace = (one: RecentTrace, always?: 'kept'): Command => ({
    id: `trace ${one.traceId}`,
    group: 'groupTraces',
    label: one.name,
    note: `${duration(one.dur)} · ${timeOfDay(one.start, preferences.zone)} · ${shortId(one.traceId)}`,
    icon: Activity,
    failed: one.status === 'ERROR',
    ...(always ? { always } : {}),
    run: () => void router.push({ path: `/traces/${one.traceId}`, query: sharedQuery(route.query) }),
  })
  const pasted = (text: string): Command[] => {
    const id = traceIdIn(text)
    if (!id) return []
    const run = (): void => void router.push({ path: `/traces/${id}`, query: sharedQuery(route.query) })
    return [
      { id: 'open', group: 'groupTrace', label: t('shell.openTrace', { id }), icon: Activity, always: 'first', run },
    ]
  }
  return (text, found) => {
    const known = new Set(found.map((one) => one.traceId))
    return [
      ...pasted(text),
      ...found.map((one) => trace(one, 'kept')),
      ...recentTraces.value.filter((one) => !known.has(one.traceId)).map((one) => trace(one)),
      ...screens(),
      ...doing(),
      ...ofServices(text),
      ...(text === '' ? [] : settings()),
    ]
  }
}
