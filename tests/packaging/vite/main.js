// A Vite project's only module: keeps one note and shows what is stored. Nothing is configured for Seakeep.

import { open } from 'seakeep';

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
