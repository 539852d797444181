/**
 * Packages of the desktop app: `npm run package`, and `npm run package -- --dir` for the folder alone. Signing comes from
 * the environment as electron-builder names it (CSC_LINK, CSC_KEY_PASSWORD, APPLE_API_KEY, WIN_CSC_LINK, …); nothing is
 * signed where that is not set. GLASSBOX_ELECTRON_DIST names an unpacked Electron to take instead of the download.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'

/** Backups and debug bundles: Glassbox is what opens them. */
const archives = [
  { ext: 'glassbox', name: 'Glassbox backup', mimeType: 'application/vnd.glassbox.archive', role: 'Viewer' },
]
/**
 * Telemetry. Linux knows a file by any end of its name; for macOS and Windows only what follows the last dot counts, so
 * there Glassbox is one choice among others for JSON lines, and takes nothing from whoever opens them now.
 */
const telemetry = ['otlp.jsonl', 'otlp.json', 'otlp.pb', 'otlp.jsonl.gz', 'otlp.jsonl.zst'].map((ext) => ({
  ext,
  name: 'OpenTelemetry data',
  mimeType: `application/x-${ext.replaceAll('.', '-')}`,
}))
const jsonLines = { ext: 'jsonl', name: 'OpenTelemetry data', role: 'Viewer', rank: 'Alternate' }

/** The native modules bring binaries of every system; ours is the one that is packaged. */
function dropForeignBinaries({ appOutDir, electronPlatformName, packager }) {
  const resources =
    electronPlatformName === 'darwin'
      ? join(appOutDir, `${packager.appInfo.productFilename}.app`, 'Contents', 'Resources')
      : join(appOutDir, 'resources')
  rmSync(join(resources, 'app.asar.unpacked', 'node_modules', 'better-sqlite3', 'deps'), {
    recursive: true,
    force: true,
  })
}

export default {
  appId: 'dev.glassbox.app',
  productName: 'Glassbox',
  copyright: 'Copyright The Glassbox authors',
  directories: { output: 'dist', buildResources: 'build' },
  ...(process.env.GLASSBOX_ELECTRON_DIST ? { electronDist: process.env.GLASSBOX_ELECTRON_DIST } : {}),
  files: [
    'out/main/**',
    'out/preload/**',
    'out/renderer/**',
    'package.json',
    'LICENSE',
    '!**/*.{map,ts,mts,cts,md,markdown,flow,tsbuildinfo}',
    '!**/{test,tests,__tests__,docs,example,examples,bench,benchmark,benchmarks}/**',
    '!node_modules/better-sqlite3/{deps,src}/**',
    // Each library brings its code twice; the shell runs the one that Node's `import` takes.
    '!node_modules/@aws-sdk/*/dist-{es,types}/**',
    '!node_modules/@smithy/*/dist-{es,types}/**',
  ],
  asar: true,
  asarUnpack: ['**/*.node'],
  npmRebuild: false,
  afterPack: dropForeignBinaries,
  electronFuses: {
    runAsNode: false,
    enableCookieEncryption: true,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    loadBrowserProcessSpecificV8Snapshot: false,
    grantFileProtocolExtraPrivileges: false,
  },
  protocols: [{ name: 'Glassbox', schemes: ['glassbox'] }],
  fileAssociations: archives,
  icon: 'build/icons/icon.png',
  linux: {
    target: ['AppImage', 'deb', 'rpm'].map((target) => ({ target, arch: ['x64', 'arm64'] })),
    category: 'Development',
    synopsis: 'Traces, logs and metrics of your apps under one roof',
    maintainer: 'The Glassbox authors <authors@glassbox.invalid>',
    executableName: 'glassbox',
    fileAssociations: telemetry,
  },
  mac: {
    target: [{ target: 'dmg', arch: ['x64', 'arm64'] }],
    category: 'public.app-category.developer-tools',
    hardenedRuntime: true,
    fileAssociations: [jsonLines],
    entitlements: 'build/entitlements.mac.plist',
    entitlementsInherit: 'build/entitlements.mac.plist',
    notarize: Boolean(process.env.APPLE_API_KEY ?? process.env.APPLE_ID),
  },
  win: { target: [{ target: 'nsis', arch: ['x64', 'arm64'] }] },
  nsis: {
    include: 'build/installer.nsh',
    oneClick: false,
    perMachine: false,
    allowToChangeInstallationDirectory: true,
    deleteAppDataOnUninstall: false,
  },
  publish: null,
}
