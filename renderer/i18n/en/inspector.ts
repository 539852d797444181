export const inspector = { title: 'Trace' }
