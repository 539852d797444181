import { contextBridge, ipcRenderer } from 'electron'

contextBridge.exposeInMainWorld('glassbox', { connection: ipcRenderer.sendSync('glassbox:connection') })
