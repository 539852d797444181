/** What the settings schema itself cannot say of a setting. Chinese: renderer/i18n/zh-CN/setting-help.ts. */
export interface SettingText {
  /** One or two sentences: what it does, and what to mind. */
  help: string
  /** Of numbers whose name does not say it (`…Ms`, `…Bytes`, `days`). */
  unit?: string
  /** A change is taken up at the next start alone. */
  restart?: true
  /** Changed on a screen of its own, which does more than to save a value. */
  managed?: 'storage' | 'views'
}

/** Every setting by key; a test holds it against the schema. */
export const settingTexts: Record<string, SettingText> = {
  'server.host': {
    help: 'Address that Glassbox listens on. Any other than 127.0.0.1 can be reached from other machines and needs a fixed token (--token).',
    restart: true,
  },
  'server.apiPort': { help: 'Port of this page and the api. 0 takes any free one.', restart: true },
  'server.otlpPort': { help: 'Port for OTLP over HTTP, and for Zipkin. 0 takes any free one.', restart: true },
  'server.otlpGrpcPort': { help: 'Port for OTLP over gRPC. 0 takes any free one.', restart: true },
  'server.allowedHosts': {
    help: 'Further names of this host, such as those of a reverse proxy. A request for any other name is refused, which keeps foreign web pages out.',
  },
  'server.corsOrigins': {
    help: 'Web origins other than this machine that may send telemetry from a browser, such as https://shop.example.',
  },
  'storage.engine': { help: 'Where telemetry is kept: a file, or a Postgres that a team shares.', managed: 'storage' },
  'storage.postgresUrl': {
    help: 'Address of the Postgres, its password kept encrypted. Takes sslmode, sslrootcert, sslcert and sslkey, as libpq names them.',
    managed: 'storage',
  },
  'storage.postgresReadUrl': {
    help: 'A read replica that searches go to; empty means the same server. While it is away the server itself answers. Wants durable tables, as others are not replicated.',
    restart: true,
  },
  'storage.postgresSchema': { help: 'Schema of the database that the tables lie in.', restart: true },
  'storage.postgresDurable': {
    help: 'Off: tables are faster, and emptied when the Postgres server crashes. On: they survive that. Concerns tables made from then on.',
    restart: true,
  },
  'storage.queueBytes': { help: 'What may wait on disk while Postgres is away.', restart: true },
  'storage.reserveBytes': {
    help: 'Disk space kept in reserve, so that a full disk can still be cleaned.',
    restart: true,
  },
  'receivers.maxBodyBytes': { help: 'Largest request that is taken, as it travels.' },
  'receivers.maxInflatedBytes': {
    help: 'Largest request after it is unpacked. gRPC takes a change up at the next start.',
  },
  'receivers.maxInFlightBytes': {
    help: 'What all requests being received may take together; more are told to come again.',
  },
  'pipeline.queueLimit': {
    help: 'How many spans, and as many log records, may wait behind the batch being written. Beyond it normal ones are dropped before errors, counted and told to the sender.',
    unit: 'rows',
  },
  'pipeline.overflow': {
    help: 'What becomes of telemetry when the queue is full: drop it and count it, or refuse it so that the sender tries again.',
  },
  'pipeline.paused': { help: 'Spans and log records that arrive meanwhile are counted and dropped.' },
  'pipeline.flushMs': { help: 'Longest time that telemetry waits for more before it is written.' },
  'collectors.host.enabled': { help: 'Measures this machine and Glassbox itself, for the System screen.' },
  'collectors.host.intervalMs': { help: 'How often this machine is measured.' },
  'collectors.spanMetrics.enabled': {
    help: 'Makes rate, errors and durations of spans into metrics, counted before sampling.',
  },
  'collectors.spanMetrics.intervalMs': { help: 'How often these metrics are written.' },
  'collectors.scrape.intervalMs': { help: 'How often Prometheus targets are asked, where a job does not say.' },
  'collectors.scrape.timeoutMs': { help: 'How long a target may take to answer, where a job does not say.' },
  'collectors.scrape.jobs': {
    help: 'Prometheus targets, as its scrape_configs with names in camel case: job, static, files, dns, relabel, metricRelabel.',
  },
  'sampling.enabled': {
    help: 'Thins out normal traces under load. Errors and slow traces are always kept, and traces stay whole.',
  },
  'sampling.targetSpansPerSecond': { help: 'Above this, normal traces thin out.', unit: 'spans/s' },
  'sampling.slowMs': { help: 'Traces with a span of this length or more count as slow and are kept.' },
  'privacy.removeKeys': {
    help: 'Attributes removed before anything is stored, besides Authorization, Cookie and Set-Cookie.',
  },
  'privacy.maskKeys': {
    help: 'Words: a value is masked where its key holds one of them, also inside JSON, forms, addresses and SQL.',
  },
  'privacy.maxValueBytes': { help: 'Longer values are cut, and marked as such.' },
  'retention.traces.days': { help: 'Older traces are removed, daily. Pinned ones stay.' },
  'retention.traces.bytes': {
    help: 'When traces take more than this, the oldest are removed. Pinned ones stay; in Postgres they count to it.',
  },
  'retention.logs.days': { help: 'Older log records are removed, daily.' },
  'retention.metrics.days': { help: 'Older metrics are removed, daily.' },
  'backup.enabled': { help: 'Runs the schedules below.' },
  'backup.targets': {
    help: 'Where archives go besides the folder backups/ of the data directory: name, address (a folder, s3://… or sftp://…) and privateKey. Passwords are kept encrypted.',
  },
  'backup.schedules': {
    help: 'When which kind of backup runs: id, kind (full, incremental, config), cron (minute hour day month weekday), zone, targets, enabled.',
  },
  'backup.verify.enabled': { help: 'Test-restores the backup that was not proven for longest.' },
  'backup.verify.cron': { help: 'When it does: minute, hour, day, month, weekday.' },
  'backup.verify.zone': { help: 'Time zone of that; empty means that of this machine.' },
  'backup.keep.full': { help: 'Full backups kept in a target. What a kept one needs stays, too.', unit: 'backups' },
  'backup.keep.incremental': { help: 'Incremental backups kept in a target.', unit: 'backups' },
  'backup.keep.config': { help: 'Backups of the settings kept in a target.', unit: 'backups' },
  'backup.password': {
    help: 'Encrypts new backups. When it is lost, they cannot be read, by anybody.',
  },
  'backup.keyFile': {
    help: 'Content of a key file, which encrypts new backups in place of a password. Keep the file elsewhere, too: without it they cannot be read.',
  },
  'metrics.maxSeries': {
    help: 'Further series are refused and counted; known ones go on.',
    unit: 'series',
  },
  'metrics.maxSeriesPerMetric': { help: 'The same, of one metric.', unit: 'series' },
  'metrics.outOfOrderMs': {
    help: 'How far behind the newest sample of its series another may come; 0 means not at all.',
  },
  'promql.timeoutMs': { help: 'A PromQL query that takes longer is ended.' },
  'promql.maxSamples': { help: 'Samples that one query may hold at once.', unit: 'samples' },
  'promql.maxSeries': { help: 'Series that one query may read.', unit: 'series' },
  'promql.experimental': { help: 'Functions and syntax that Prometheus keeps behind feature flags.' },
  'views.saved': { help: 'Saved views of traces, logs and metrics.', managed: 'views' },
  'desktop.openAtLogin': { help: 'Starts Glassbox with your session, in the tray.' },
  'desktop.keepInTray': { help: 'Closing the window leaves Glassbox receiving, with its icon in the tray.' },
  'desktop.notifications': { help: 'Tells of trouble by a notification of the system.' },
  'desktop.updates': { help: 'Whether new versions are looked for, told, or installed.' },
  'desktop.updateUrl': { help: 'Folder on the web, https, where new versions lie.' },
  'query.timeoutMs': {
    help: 'A search that takes longer is ended, with what was found so far where that can be said.',
  },
  'log.level': { help: 'How much Glassbox writes to its own log, in logs/ of the data directory.' },
}
