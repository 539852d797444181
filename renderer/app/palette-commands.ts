import {
  Activity,
  Cable,
  Contrast,
  Languages,
  Link,
  Radio,
  RefreshCw,
  ScrollText,
  Search,
  Send,
  Settings,
  Workflow,
} from '@lucide/vue'
import type { Component } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useText } from '../i18n/index.ts'
import { count } from '../ui/format.ts'
import { useActions } from './actions.ts'
import { traceIdIn } from './palette-rank.ts'
import { sharedQuery } from './shared-query.ts'
import { useRange } from './stores/range.ts'
import { useServices } from './stores/services.ts'

export interface Command {
  id: string
  group: 'groupTrace' | 'groupGo' | 'groupDo' | 'groupServices'
  label: string
  note?: string
  icon: Component
  service?: string
  keys?: string[]
  always?: boolean
  run: () => void
}

/** Everything the palette offers: screens, actions, services, and a pasted trace id. */
export function usePaletteCommands(): (text: string) => Command[] {
  const { t } = useText()
  const route = useRoute()
  const router = useRouter()
  const range = useRange()
  const services = useServices()
  const actions = useActions()
  const open = (path: string) => () => void router.push({ path, query: sharedQuery(route.query) })

  const screens = (): Command[] => [
    {
      id: 'traces',
      group: 'groupGo',
      label: t('shell.tabTraces'),
      icon: Activity,
      keys: ['g', 't'],
      run: open('/traces'),
    },
    { id: 'logs', group: 'groupGo', label: t('shell.logs'), icon: ScrollText, keys: ['g', 'l'], run: open('/logs') },
    { id: 'map', group: 'groupGo', label: t('shell.map'), icon: Workflow, keys: ['g', 'p'], run: open('/map') },
    {
      id: 'connect',
      group: 'groupGo',
      label: t('shell.connect'),
      icon: Cable,
      keys: ['g', 'c'],
      run: open('/connect'),
    },
    {
      id: 'settings',
      group: 'groupGo',
      label: t('shell.settings'),
      icon: Settings,
      keys: ['g', ','],
      run: open('/settings'),
    },
  ]
  const doing = (): Command[] => [
    {
      id: 'refresh',
      group: 'groupDo',
      label: t('shell.actionRefresh'),
      icon: RefreshCw,
      keys: ['r'],
      run: range.refresh,
    },
    {
      id: 'live',
      group: 'groupDo',
      label: t('shell.actionLive'),
      icon: Radio,
      keys: ['l'],
      run: () => range.setLive(!range.live),
    },
    {
      id: 'link',
      group: 'groupDo',
      label: t('shell.actionCopyLink'),
      icon: Link,
      keys: ['c'],
      run: () => void actions.copyLink(),
    },
    {
      id: 'test',
      group: 'groupDo',
      label: t('shell.actionTestTrace'),
      icon: Send,
      run: () => void actions.sendTestTrace(),
    },
    { id: 'theme', group: 'groupDo', label: t('shell.actionTheme'), icon: Contrast, run: actions.switchTheme },
    {
      id: 'language',
      group: 'groupDo',
      label: t('shell.actionLanguage'),
      icon: Languages,
      run: actions.switchLanguage,
    },
  ]
  const ofServices = (): Command[] =>
    services.sorted.map((info) => ({
      id: `service ${info.service}`,
      group: 'groupServices',
      label: info.service,
      note: t('shell.spansPerSecond', { n: count(info.spans) }).replace('/s', ''),
      icon: Search,
      service: info.service,
      run: () => void router.push({ path: '/traces', query: { ...sharedQuery(route.query), service: info.service } }),
    }))
  const pasted = (text: string): Command[] => {
    const id = traceIdIn(text)
    if (!id) return []
    const run = (): void => void router.push({ path: `/traces/${id}`, query: route.query })
    return [{ id: 'open', group: 'groupTrace', label: t('shell.openTrace', { id }), icon: Activity, always: true, run }]
  }
  return (text) => [...pasted(text), ...screens(), ...doing(), ...ofServices()]
}
