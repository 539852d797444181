export const traces = { title: 'Traces' }
