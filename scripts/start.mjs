// npm start [-- --port N --db FILE --host H]: builds everything, starts the reference server with its embedded
// SQLite and serves the demo. What it does not know itself goes to the server (`npm start -- --help` shows its options).

import { build } from './build.mjs';
import { wwwDist } from './lib/paths.mjs';
import { main, Stop, say, start } from './lib/run.mjs';
import { buildServer } from './lib/server.mjs';

const DEFAULTS = { '--port': '4173', '--db': 'seakeep-demo.db', '--www': wwwDist };

await main(async () => {
  const given = process.argv.slice(2);
  if (!given.includes('--help')) await build();
  const server = await buildServer();
  const defaults = Object.entries(DEFAULTS).filter(([name]) => !given.some((arg) => arg.split('=')[0] === name));
  const child = start(server, [...defaults.flat(), ...given], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.removeAllListeners(signal);
    process.on(signal, () => child.kill(signal));
  }
  child.stdout.on('data', (data) => {
    process.stdout.write(data);
    const url = /listening on (\S+)/.exec(data)?.[1];
    if (url) say(`\n  The demo: ${url}\n  End it with Ctrl-C.\n`);
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Stop(`the server ended with ${code}`);
});
