import '@fontsource-variable/inter'
import '@fontsource-variable/jetbrains-mono'
import './ui/tokens.css'
import './ui/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { offerIdleFlag } from './api/idle.ts'
import App from './app/App.vue'
import { router } from './app/router.ts'
import { i18n } from './i18n/index.ts'

offerIdleFlag()
createApp(App).use(createPinia()).use(i18n).use(router).mount('#app')
