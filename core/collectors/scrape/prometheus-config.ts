import { stringify } from 'yaml'
import type { ScrapeJob, Settings } from '../../config/settings.ts'
import { prometheusRule } from '../../model/scrape.ts'
import { durationText } from './target.ts'

/** The scrape jobs as a prometheus.yml would spell them; what is default there is left out. */
export function scrapeConfigYaml({ intervalMs, timeoutMs, jobs }: Settings['collectors']['scrape']): string {
  return stringify({
    global: { scrape_interval: durationText(intervalMs), scrape_timeout: durationText(timeoutMs) },
    ...(jobs.length > 0 ? { scrape_configs: jobs.map(jobConfig) } : {}),
  })
}

function jobConfig(job: ScrapeJob): object {
  return defined({
    job_name: job.job,
    scheme: job.scheme === 'http' ? undefined : job.scheme,
    metrics_path: job.metricsPath === '/metrics' ? undefined : job.metricsPath,
    params: Object.keys(job.params).length > 0 ? job.params : undefined,
    scrape_interval: job.intervalMs && durationText(job.intervalMs),
    scrape_timeout: job.timeoutMs && durationText(job.timeoutMs),
    honor_labels: job.honorLabels || undefined,
    honor_timestamps: job.honorTimestamps ? undefined : false,
    sample_limit: job.sampleLimit || undefined,
    body_size_limit: `${job.bodySizeLimit}B`,
    basic_auth: job.auth.type === 'basic' ? { username: job.auth.username, password_file: job.auth.file } : undefined,
    authorization: job.auth.type === 'bearer' ? { credentials_file: job.auth.file } : undefined,
    tls_config: tlsConfig(job.tls),
    proxy_url: job.proxyUrl || undefined,
    static_configs: filled(
      job.static.map(({ targets, labels }) => ({ targets, ...(Object.keys(labels).length > 0 ? { labels } : {}) })),
    ),
    file_sd_configs: filled(job.files.map((file) => ({ files: [file] }))),
    dns_sd_configs: filled(
      job.dns.map(({ names, type, port, refreshMs }) =>
        defined({ names, type, port: type === 'SRV' ? undefined : port, refresh_interval: durationText(refreshMs) }),
      ),
    ),
    relabel_configs: filled(job.relabel.map(prometheusRule)),
    metric_relabel_configs: filled(job.metricRelabel.map(prometheusRule)),
  })
}

function tlsConfig(tls: ScrapeJob['tls']): object | undefined {
  const config = defined({
    ca_file: tls.caFile || undefined,
    cert_file: tls.certFile || undefined,
    key_file: tls.keyFile || undefined,
    server_name: tls.serverName || undefined,
    insecure_skip_verify: tls.insecureSkipVerify || undefined,
  })
  return Object.keys(config).length > 0 ? config : undefined
}

const filled = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined)

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
