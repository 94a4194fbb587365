// One visit without anything a policy might forbid: writes, sends, reads, and leaves what came of it in the body.

import { isSeakeepError, open } from './seakeep/index.js';

try {
  const db = await open('visit', {
    collections: { assistants: {} },
    sync: { url: new URL('/api', location.href).href, startDelay: 0 },
  });
  const write = await db.collection('assistants').put({ name: 'Ada' });
  const { id } = await write.synced;
  document.body.dataset.done = JSON.stringify({ id, doc: await db.collection('assistants').get(id) });
} catch (error) {
  document.body.dataset.failed = JSON.stringify({ code: error.code, ours: isSeakeepError(error), hint: error.hint });
}
