import { tinykeys } from 'tinykeys'
import { computed, onBeforeUnmount, onMounted, shallowReactive, watch } from 'vue'
import { remap } from './key-map.ts'
import { usePreferences } from './stores/preferences.ts'

export interface KeyHelp {
  keys: string[]
  /** Message key. */
  text: string
}

interface Screen {
  help: KeyHelp[]
  enabled: () => boolean
}

const screens = shallowReactive<Screen[]>([])

/** What the help shows first: keys of the topmost screen that is listening. */
export const screenHelp = computed(() => screens.filter((screen) => screen.enabled()).flatMap((screen) => screen.help))

/**
 * Binds keys while the component lives. Single keys rest while the person types, while a dialog is open, and when they
 * are switched off in the settings. `enabled` lets a layer above take the keys.
 */
export function useScreenKeys(
  bindings: Record<string, (event: KeyboardEvent) => void>,
  help: KeyHelp[] = [],
  enabled: () => boolean = () => true,
): void {
  const preferences = usePreferences()
  const screen: Screen = { help, enabled }
  let stop: (() => void) | undefined
  const bind = (): void => {
    stop?.()
    stop = tinykeys(window, remap(bindings, preferences.keys), {
      ignore: (event) => !enabled() || resting(event, preferences.singleKeys),
    })
  }
  onMounted(() => {
    screens.push(screen)
    bind()
  })
  watch(() => preferences.keys, bind, { deep: true })
  onBeforeUnmount(() => {
    stop?.()
    stop = undefined
    screens.splice(screens.indexOf(screen), 1)
  })
}

/** True while an event must not act as a shortcut. */
function resting(event: KeyboardEvent, singleKeys: boolean): boolean {
  if (event.defaultPrevented || event.isComposing) return true
  const chord = event.metaKey || event.ctrlKey || event.altKey
  const target = event.target instanceof Element ? event.target : null
  if (target?.closest('input, textarea, select, [contenteditable="true"]')) return !(event.metaKey || event.ctrlKey)
  if (document.querySelector('[data-modal]')) return true
  if (event.key === 'Enter' || event.key === ' ') return target?.closest('button, a, [role="button"]') != null
  if (chord || event.key.length > 1) return false
  return !singleKeys
}

/** `⌘` on Apple machines, else `Ctrl`. */
export const MOD = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl '
