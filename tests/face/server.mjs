// A server of a few lines behind the app's own fetch: it stores what comes, refuses documents that say `refuse`, and
// answers pulls with what it has. It keeps what it was asked.

const json = (status, body) => {
  const text = JSON.stringify(body);
  return { text, response: new Response(text, { status, headers: { 'content-type': 'application/json' } }) };
};

/** A server; `log` is what it was asked, with the length of each answer. */
export function server() {
  const docs = new Map();
  const log = [];
  let gate = Promise.resolve();
  let next;
  const answer = (method, path, body) => {
    const id = decodeURIComponent(path.split('/').at(-1));
    if (method === 'GET' && path.split('/').length > 3) {
      return docs.has(id) ? json(200, docs.get(id)) : json(404, { title: 'not found', status: 404 });
    }
    if (method === 'GET') {
      const items = [...docs.values()].map((doc) => ({ id: doc.id, revision: '1', updatedAt: 1, doc }));
      return json(200, { items, checkpoint: String(docs.size), hasMore: false, epoch: 'e' });
    }
    if (body?.refuse) {
      return json(422, { title: 'refused', status: 422, errors: { refuse: 'must not be set' } });
    }
    const own = method === 'POST' ? `n${docs.size + 1}` : id;
    const before = method === 'PATCH' ? docs.get(own) : {};
    docs.set(own, { ...before, ...body, id: own });
    return json(201, docs.get(own));
  };
  return {
    docs,
    log,
    /** The next answers instead of its own: functions that give a Response. */
    say: (make) => {
      next = make;
    },
    /** Keeps all answers back; returns how to give them. */
    hold() {
      let open;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return open;
    },
    async fetch(url, init) {
      const entry = { method: init.method, path: new URL(url).pathname, body: init.body, answered: 0 };
      log.push(entry);
      await gate;
      const said = next?.(entry);
      if (said !== undefined) return said;
      const { text, response } = answer(init.method, entry.path, init.body ? JSON.parse(init.body) : undefined);
      entry.answered = text.length;
      return response;
    },
  };
}
