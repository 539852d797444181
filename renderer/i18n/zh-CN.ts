import type { Messages } from './en.ts'
import { backups } from './zh-CN/backups.ts'
import { boards } from './zh-CN/boards.ts'
import { bundle } from './zh-CN/bundle.ts'
import { chart } from './zh-CN/chart.ts'
import { connect } from './zh-CN/connect.ts'
import { errors } from './zh-CN/errors.ts'
import { filter } from './zh-CN/filter.ts'
import { inspector } from './zh-CN/inspector.ts'
import { jobs } from './zh-CN/jobs.ts'
import { logs } from './zh-CN/logs.ts'
import { map } from './zh-CN/map.ts'
import { metrics } from './zh-CN/metrics.ts'
import { promql } from './zh-CN/promql.ts'
import { runs } from './zh-CN/runs.ts'
import { scrape } from './zh-CN/scrape.ts'
import { settings } from './zh-CN/settings.ts'
import { shell } from './zh-CN/shell.ts'
import { states } from './zh-CN/states.ts'
import { storage } from './zh-CN/storage.ts'
import { system } from './zh-CN/system.ts'
import { traces } from './zh-CN/traces.ts'

export const zhCN: Messages = {
  shell,
  states,
  errors,
  chart,
  filter,
  system,
  traces,
  inspector,
  logs,
  map,
  metrics,
  boards,
  backups,
  bundle,
  promql,
  runs,
  connect,
  scrape,
  settings,
  storage,
  jobs,
}
