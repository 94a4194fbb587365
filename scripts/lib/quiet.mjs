// How every Chromium that this project starts is kept quiet: no look-ups, no updates, no first-run pages.

export const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--headless=new',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
