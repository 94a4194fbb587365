// A server that breaks one rule: the reference server behind a proxy that tampers with requests and answers.
// `breakage(request, forward)` gets `{ method, path, headers, body }` and a way to ask the real server, and answers
// `{ status, headers, body }`; without one, everything passes as it is. `events` changes the text of the event stream,
// `ask` the headers it is asked with.

import { once } from 'node:events';
import { request as ask, createServer } from 'node:http';

/** Starts the proxy; answers with its URL and a way to end it. */
export async function proxy(target, breakage = (request, forward) => forward(request), stream = {}) {
  const { hostname, port, pathname: base } = new URL(target);
  const to = { hostname, port };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing, { to, base, breakage, stream }).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}${base}`, close };
}

async function serve(incoming, outgoing, { to, base, breakage, stream }) {
  const { method, headers } = incoming;
  const path = incoming.url.slice(base.length);
  if (path === '/_events') return flow(incoming, outgoing, to, stream);
  const body = await whole(incoming);
  const forward = (request) => pass(to, base, request);
  const answer = await breakage({ method, path, headers: { ...headers }, body }, forward);
  const { 'transfer-encoding': _, ...kept } = answer.headers;
  outgoing.writeHead(answer.status, { ...kept, ...(answer.body && { 'content-length': answer.body.length }) });
  outgoing.end(answer.body);
}

async function pass(to, base, { method, path, headers, body }) {
  const length = body.length > 0 ? { 'content-length': body.length } : {};
  const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...kept } = headers;
  const out = ask({ ...to, method, path: base + path, headers: { ...kept, ...length }, agent: false });
  out.end(body);
  const [answer] = await once(out, 'response');
  const kind = answer.statusCode === 304 || answer.statusCode === 204 ? undefined : await whole(answer);
  return { status: answer.statusCode, headers: { ...answer.headers }, body: kind };
}

function flow(incoming, outgoing, to, { ask: asked = (headers) => headers, events = (text) => text }) {
  const out = ask({ ...to, path: incoming.url, headers: asked(incoming.headers), agent: false }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.setEncoding('utf8').on('data', (text) => outgoing.write(events(text)));
    answer.on('end', () => outgoing.end());
  });
  outgoing.on('close', () => out.destroy());
  out.on('error', () => outgoing.destroy());
  out.end();
}

async function whole(from) {
  const chunks = [];
  for await (const chunk of from) chunks.push(chunk);
  return Buffer.concat(chunks);
}
