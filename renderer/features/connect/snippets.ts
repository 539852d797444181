/** Start commands for each language, with the real addresses. Pure. */

export const LANGUAGES = ['node', 'python', 'go', 'java', 'dotnet', 'ruby', 'browser', 'curl'] as const
export type SnippetLanguage = (typeof LANGUAGES)[number]

export const LANGUAGE_NAMES: Record<SnippetLanguage, string> = {
  node: 'Node',
  python: 'Python',
  go: 'Go',
  java: 'Java',
  dotnet: '.NET',
  ruby: 'Ruby',
  browser: 'Browser',
  curl: 'curl',
}

export interface Addresses {
  /** OTLP/HTTP, no slash at the end. */
  http: string
  grpc: string
}

export interface Snippet {
  install: string
  run: string
}

function variables(addresses: Addresses, service: string): string {
  return [
    `OTEL_SERVICE_NAME=${service} \\`,
    `OTEL_EXPORTER_OTLP_ENDPOINT=${addresses.http} \\`,
    'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\',
    'OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp \\',
  ].join('\n')
}

export function snippet(language: SnippetLanguage, addresses: Addresses): Snippet {
  const env = variables(addresses, 'my-app')
  switch (language) {
    case 'node':
      return {
        install: 'npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node',
        run: `${env}\nnode --require @opentelemetry/auto-instrumentations-node/register server.js`,
      }
    case 'python':
      return {
        install: 'pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install',
        run: `${env}\nopentelemetry-instrument python app.py`,
      }
    case 'go':
      return {
        install: 'go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp',
        run: `${env}\ngo run .`,
      }
    case 'java':
      return {
        install:
          'curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar',
        run: `${env}\njava -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
      }
    case 'dotnet':
      return {
        install:
          'dotnet add package OpenTelemetry.Extensions.Hosting\ndotnet add package OpenTelemetry.Exporter.OpenTelemetryProtocol\ndotnet add package OpenTelemetry.Instrumentation.AspNetCore',
        run: `${env}\ndotnet run`,
      }
    case 'ruby':
      return {
        install: 'bundle add opentelemetry-sdk opentelemetry-exporter-otlp opentelemetry-instrumentation-all',
        run: `${env}\nbundle exec ruby app.rb`,
      }
    case 'browser':
      return {
        install: 'npm install @opentelemetry/sdk-trace-web @opentelemetry/exporter-trace-otlp-http',
        run: [
          "import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'",
          "import { BatchSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web'",
          '',
          `const exporter = new OTLPTraceExporter({ url: '${addresses.http}/v1/traces' })`,
          'new WebTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }).register()',
        ].join('\n'),
      }
    case 'curl':
      return { install: '', run: curlCommand(addresses) }
  }
}

function curlCommand(addresses: Addresses): string {
  const span = [
    '"traceId":"5b8aa5a2d2c872e8321cf37308d69df2","spanId":"051581bf3cb55c13"',
    '"name":"hello","kind":1',
    '"startTimeUnixNano":"\'$(date +%s)\'000000000","endTimeUnixNano":"\'$(date +%s)\'000000000"',
  ].join(',')
  return [
    `curl -i ${addresses.http}/v1/traces -H 'content-type: application/json' -d '`,
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"curl"}}]},',
    ` "scopeSpans":[{"spans":[{${span}}]}]}]}'`,
  ].join('\n')
}
