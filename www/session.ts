// Who is signed in, as far as a demo needs it: a token in this tab, sent with every request.
//
// The reference server asks for none; it answers 401 only where a test orders it. Then Seakeep asks `headers` once
// more, pauses everything when that does not help, and goes on after the next sign-in. Tokens are never stored by it.

export interface Session {
  /** For `sync.auth`. */
  headers(): HeadersInit;
  signIn(): void;
}

export function createSession(): Session {
  let token = newToken();
  return {
    headers: () => ({ Authorization: `Bearer ${token}` }),
    signIn() {
      token = newToken();
    },
  };
}

function newToken(): string {
  return `demo-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
}
