// All checks in the order of the profile. Each is `{ id, section, rule, run(session) }`: it passes by returning.

import { batches } from './batches.mjs';
import { changes } from './changes.mjs';
import { idempotency } from './idempotency.mjs';
import { limits } from './limits.mjs';
import { news } from './news.mjs';
import { preconditions } from './preconditions.mjs';
import { pulls } from './pulls.mjs';
import { readers } from './readers.mjs';

export const checks = [
  ...changes,
  ...preconditions,
  ...idempotency,
  ...limits,
  ...pulls,
  ...readers,
  ...batches,
  ...news,
];
