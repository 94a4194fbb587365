// The reference server as a child of the test: started on a database file of its own, ordered to fail, asked what
// it was asked, killed and started again.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Keys of requests that the test makes itself begin with this. */
const OTHER = 'other-';

/** Starts a server that serves `www` beside the API. */
export async function startServer({ www, args = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'seakeep-e2e-server-'));
  const server = new Server(folder, www, args);
  await server.start();
  return server;
}

class Server {
  constructor(folder, www, args) {
    this.folder = folder;
    this.www = www;
    this.args = args;
    this.port = 0;
    this.made = 0;
  }

  get api() {
    return `${this.url}/api`;
  }

  /** Starts, or starts again on the same file and port. */
  async start() {
    const args = ['--port', String(this.port), '--faults', '--quiet', '--db', join(this.folder, 'documents.db')];
    if (this.www) args.push('--www', this.www);
    this.child = spawn(program(), [...args, ...this.args], { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.child);
    this.url = await within('the server to listen', listening(this.child));
    this.port = Number(new URL(this.url).port);
  }

  /** SIGKILL: no farewell, nothing flushed. */
  async kill() {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
    running.delete(this.child);
  }

  async stop() {
    if (running.has(this.child)) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Orders faults; see server/README.md. */
  async order(...rules) {
    await this.send('POST', '/_faults', rules);
  }

  /** Ends all faults. */
  async heal() {
    await this.send('DELETE', '/_faults');
  }

  /** Cuts the API off for everybody (pages are still served), until healed. */
  async cutOff() {
    await this.order({ times: 0, fault: { offline: true } });
  }

  /** Everything is gone, and the history is another one. */
  async reset(epoch) {
    await this.send('POST', '/_faults/reset', epoch === undefined ? {} : { epoch });
  }

  /** Requests of the client under test, oldest first: the test's own are left out where they can be told apart. */
  async log({ method, path, writes } = {}) {
    const all = await (await this.send('GET', '/_faults/log')).json();
    return all.filter(
      (one) =>
        !one.key?.startsWith(OTHER) &&
        (method === undefined || one.method === method) &&
        (path === undefined || one.path.includes(path)) &&
        (writes !== true || one.method !== 'GET'),
    );
  }

  async forgetLog() {
    await this.send('DELETE', '/_faults/log');
  }

  /** All documents of a collection, through the API, as any client would read them. */
  async documents(collection = 'assistants') {
    const found = new Map();
    let since;
    for (;;) {
      const query = since === undefined ? '' : `&since=${encodeURIComponent(since)}`;
      const page = await (await this.send('GET', `/api/${collection}?limit=200${query}`)).json();
      for (const item of page.items) item.deleted ? found.delete(item.id) : found.set(item.id, item.doc);
      if (!page.hasMore) return [...found.values()];
      since = page.checkpoint;
    }
  }

  /** One document, or undefined. */
  async document(id, collection = 'assistants') {
    const response = await this.send('GET', `/api/${collection}/${encodeURIComponent(id)}`, undefined, [404, 410]);
    return response.ok ? response.json() : undefined;
  }

  /** What another client does. */
  async create(doc, collection = 'assistants') {
    return (await this.change('POST', `/api/${collection}`, doc)).json();
  }

  /** What another client does in bulk: so many documents, as `make` makes them. */
  async fill(collection, count, make) {
    for (let at = 0; at < count; at += 500) {
      const changes = Array.from({ length: Math.min(500, count - at) }, (_, i) => {
        const doc = make(at + i);
        const name = `${OTHER}${++this.made}`;
        return { mutationId: name, idempotencyKey: name, collection, id: doc.id, kind: 'create', doc };
      });
      const answer = await this.change('POST', '/api/_batch', { changes, atomic: false });
      const { results } = await answer.json();
      if (results.some(({ status }) => status !== 201)) throw new Error('a document was not taken');
    }
  }

  async update(id, changes, collection = 'assistants') {
    await this.change('PATCH', `/api/${collection}/${encodeURIComponent(id)}`, changes);
  }

  async remove(id, collection = 'assistants') {
    await this.change('DELETE', `/api/${collection}/${encodeURIComponent(id)}`);
  }

  change(method, path, body) {
    return this.send(method, path, body, [], { 'idempotency-key': `"${OTHER}${++this.made}"` });
  }

  async send(method, path, body, allowed = [], headers = {}) {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await fetch(this.url + path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': type },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.ok || allowed.includes(response.status)) return response;
    throw new Error(`${method} ${path} was answered with ${response.status}: ${await response.text()}`);
  }
}

function program() {
  const places = [
    process.env.SEAKEEP_SERVER,
    ...['release', 'debug'].map((profile) => join(root, 'target', profile, 'seakeep-server')),
  ];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error('build the server first: cargo build --release -p seakeep-server, or set SEAKEEP_SERVER');
  return found;
}

/** The address in the line that a server prints when it is ready. */
function listening(child) {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (data) => {
      printed += data;
      const url = /listening on (\S+)/.exec(printed)?.[1];
      if (url) resolve(url);
    });
    child.stderr.on('data', (data) => {
      printed += data;
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
}
