import { backups } from './en/backups.ts'
import { boards } from './en/boards.ts'
import { bundle } from './en/bundle.ts'
import { chart } from './en/chart.ts'
import { connect } from './en/connect.ts'
import { errors } from './en/errors.ts'
import { filter } from './en/filter.ts'
import { inspector } from './en/inspector.ts'
import { jobs } from './en/jobs.ts'
import { logs } from './en/logs.ts'
import { map } from './en/map.ts'
import { metrics } from './en/metrics.ts'
import { promql } from './en/promql.ts'
import { runs } from './en/runs.ts'
import { scrape } from './en/scrape.ts'
import { settings } from './en/settings.ts'
import { shell } from './en/shell.ts'
import { states } from './en/states.ts'
import { storage } from './en/storage.ts'
import { system } from './en/system.ts'
import { traces } from './en/traces.ts'

/** English is the fallback and the type of every other language. */
export const en = {
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

export type Messages = typeof en
