import { createRouter, createWebHistory } from 'vue-router'
import { currentConnection } from '../api/client.ts'
import { loadPart } from './parts.ts'
import { keepBundle } from './viewed-bundle.ts'

declare module 'vue-router' {
  interface RouteMeta {
    /** Message key of the screen's name: heading, tab title. */
    title: string
    /** Which entry of the navigation is lit. */
    nav: 'monitor' | 'logs' | 'metrics' | 'boards' | 'map' | 'runs' | 'connect' | 'backups' | 'jobs' | 'settings'
    /** Whether the time range and live belong to this screen. */
    timed: boolean
  }
}

// Before the router reads the address: the token in the fragment is taken and cleaned away.
currentConnection()

/** Where the page is going; a screen that cannot be loaded is asked for at its own address. */
let target = ''
const screen = <T>(load: () => Promise<T>) => loadPart(load, () => target)

export const router = createRouter({
  history: createWebHistory('/'),
  routes: [
    { path: '/', redirect: (to) => ({ path: '/traces', query: to.query }) },
    {
      path: '/system',
      name: 'system',
      component: screen(() => import('../features/system/SystemScreen.vue')),
      meta: { title: 'shell.monitor', nav: 'monitor', timed: true },
    },
    {
      path: '/traces/:traceId?',
      name: 'traces',
      component: screen(() => import('../features/traces/TracesScreen.vue')),
      meta: { title: 'shell.monitor', nav: 'monitor', timed: true },
    },
    {
      path: '/logs',
      name: 'logs',
      component: screen(() => import('../features/logs/LogsScreen.vue')),
      meta: { title: 'shell.logs', nav: 'logs', timed: true },
    },
    {
      path: '/metrics',
      name: 'metrics',
      component: screen(() => import('../features/metrics/MetricsScreen.vue')),
      meta: { title: 'shell.metrics', nav: 'metrics', timed: true },
    },
    {
      path: '/boards',
      name: 'boards',
      component: screen(() => import('../features/boards/BoardsScreen.vue')),
      meta: { title: 'shell.boards', nav: 'boards', timed: false },
    },
    {
      path: '/boards/:id',
      name: 'board',
      component: screen(() => import('../features/boards/BoardScreen.vue')),
      meta: { title: 'shell.boards', nav: 'boards', timed: true },
    },
    {
      path: '/map',
      name: 'map',
      component: screen(() => import('../features/map/MapScreen.vue')),
      meta: { title: 'shell.map', nav: 'map', timed: true },
    },
    {
      path: '/runs',
      name: 'runs',
      component: screen(() => import('../features/runs/RunsScreen.vue')),
      meta: { title: 'shell.runs', nav: 'runs', timed: true },
    },
    {
      path: '/connect',
      name: 'connect',
      component: screen(() => import('../features/connect/ConnectScreen.vue')),
      meta: { title: 'shell.connect', nav: 'connect', timed: false },
    },
    {
      path: '/backups/:view?',
      name: 'backups',
      component: screen(() => import('../features/backups/BackupsScreen.vue')),
      meta: { title: 'shell.backups', nav: 'backups', timed: false },
    },
    {
      path: '/jobs/:id?',
      name: 'jobs',
      component: screen(() => import('../features/jobs/JobsScreen.vue')),
      meta: { title: 'shell.jobs', nav: 'jobs', timed: false },
    },
    {
      path: '/settings/:section?',
      name: 'settings',
      component: screen(() => import('../features/settings/SettingsScreen.vue')),
      meta: { title: 'shell.settings', nav: 'settings', timed: false },
    },
    { path: '/:rest(.*)*', redirect: '/traces' },
  ],
})
keepBundle(router)
router.beforeEach((to) => {
  target = to.fullPath
})
