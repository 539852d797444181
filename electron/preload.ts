import { contextBridge, ipcRenderer } from 'electron'

contextBridge.exposeInMainWorld('glassbox', {
  connection: ipcRenderer.sendSync('glassbox:connection'),
  /** Calls `listener` with each command of the shell, those that waited for the page included. */
  onCommand(listener: (command: unknown) => void): () => void {
    const take = (_event: unknown, command: unknown): void => listener(command)
    ipcRenderer.on('glassbox:command', take)
    ipcRenderer.send('glassbox:listening')
    return () => ipcRenderer.removeListener('glassbox:command', take)
  },
  facts: () => ipcRenderer.invoke('glassbox:facts'),
})
