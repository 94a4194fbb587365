// How a server is broken: what requests and answers are, and ways to change them on their way through the proxy.

export const json = (body) => JSON.parse(body.toString('utf8'));
export const bytes = (value) => Buffer.from(JSON.stringify(value));
export const isPage = ({ method, path }, { status }) =>
  method === 'GET' && status === 200 && /^\/[^_/][^/]*$/.test(path);
export const isWrite = ({ method }) => method !== 'GET';
export const isBatch = ({ path }) => path === '/_batch';
export const keyOf = ({ headers }) => headers['idempotency-key'];
export const without = (request, ...names) => ({
  ...request,
  headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !names.includes(name))),
});

/** Changes answers after the real server gave them. */
export const answers = (change) => () => async (request, forward) => {
  const answer = await forward(request);
  return change(request, answer) ?? answer;
};

/** Changes pages. */
export const pages = (change) =>
  answers((request, answer) => {
    if (!isPage(request, answer)) return undefined;
    return { ...answer, body: bytes(change(json(answer.body), request)) };
  });

/** Changes requests on their way. */
export const requests = (change) => () => (request, forward) => forward(change(request) ?? request);

/** Changes the results of batches. */
export const results = (change) =>
  answers((request, answer) => {
    if (!isBatch(request) || answer.status !== 200) return undefined;
    const body = json(answer.body);
    return { ...answer, body: bytes({ ...body, results: change(body.results) }) };
  });
