// Plays checks one after the other against one server, and cleans up. A check passes, fails with a reason, or is
// skipped with one; nothing it throws ends the run. What cannot be reached at all does.

import { Failed, Skipped } from './expect.mjs';
import { Session } from './session.mjs';

/** Runs the checks; answers with `{ id, section, rule, verdict, reason?, ms }` for each. */
export async function play(checks, settings) {
  const session = new Session(settings);
  await session.reach();
  const results = [];
  for (const check of checks) results.push(await judge(check, session));
  if (!settings.keep) await session.cleanUp();
  return results;
}

async function judge({ id, section, rule, run }, session) {
  const start = Date.now();
  const done = (verdict, reason) => ({ id, section, rule, verdict, ...(reason && { reason }), ms: Date.now() - start });
  try {
    await run(session);
    return done('ok');
  } catch (error) {
    if (error instanceof Skipped) return done('skipped', error.message);
    if (error instanceof Failed) return done('failed', error.message);
    return done('failed', `the check could not go on: ${error.message}`);
  }
}
