/**
 * The name under which a user's data is stored: the database's name and a digest of the user.
 *
 * SHA-256 where the platform has it (secure contexts), else a small hash of the same length: it keeps users apart, it
 * does not hide them. Both are stable, and an origin is always the same kind of context, so a user finds the same data.
 */

/** `name` for nobody, `name~digest` for a user. */
export async function storedName(name: string, user: string | undefined): Promise<string> {
  return user === undefined ? name : `${name}~${await digest(user)}`;
}

async function digest(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return smallHash(bytes);
  const sum = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return [...sum.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Four FNV-1a sums that differ in their start and mix each other in: 128 bits. */
export function smallHash(bytes: Uint8Array): string {
  const sums = [0x811c9dc5, 0x1b873593, 0x9e3779b9, 0x85ebca6b];
  for (let round = 0; round < 2; round++) {
    for (const byte of bytes) {
      for (let i = 0; i < 4; i++)
        sums[i] = Math.imul((sums[i] as number) ^ byte ^ ((sums[(i + 1) & 3] as number) >>> 15), 0x01000193);
    }
  }
  return sums.map((sum) => (sum >>> 0).toString(16).padStart(8, '0')).join('');
}
