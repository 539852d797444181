import { onScopeDispose } from 'vue'
import { useRouter } from 'vue-router'
import type { DesktopCommand } from '../../core/api/contract/desktop.ts'
import { useText } from '../i18n/index.ts'
import { exactCount } from '../ui/format.ts'
import { layers } from './layers.ts'
import { useRange } from './stores/range.ts'
import { showToast } from './toasts.ts'

/** Follows what the desktop app's menu, tray and links ask for; nothing in a browser. */
export function useDesktopCommands(): void {
  const { t } = useText()
  const router = useRouter()
  const range = useRange()

  function follow(command: DesktopCommand): void {
    if (command.type === 'navigate') void router.push(command.path)
    else if (command.type === 'palette') layers.palette = true
    else if (command.type === 'failed') showToast(`${command.what}: ${command.detail}`, { kind: 'error' })
    else {
      const { name, spans, logs, points, refused } = command
      const counts = {
        name,
        spans: exactCount(spans),
        logs: exactCount(logs),
        points: exactCount(points),
        refused: exactCount(refused),
      }
      showToast(t(refused > 0 ? 'shell.importedSome' : 'shell.imported', counts))
      range.refresh()
    }
  }

  const stop = window.glassbox?.onCommand?.(follow)
  if (stop) onScopeDispose(stop)
}
