// A page without any bundler: keeps one note and shows what is stored.

import { open } from './node_modules/seakeep/dist/index.js';

try {
  const db = await open('packaging', { collections: { notes: {} } });
  const notes = db.collection('notes');
  const before = await notes.get('n1');
  await notes.put({ id: 'n1', text: 'kept', visits: (before?.visits ?? 0) + 1 });
  document.body.dataset.note = JSON.stringify(await notes.get('n1'));
  await db.close();
} catch (error) {
  document.body.dataset.error = `${error.code ?? error.name}: ${error.message}`;
}
