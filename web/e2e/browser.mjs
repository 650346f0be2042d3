// One browser, one page, and what the steps of the test use of it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** For a step on a slow machine that runs other tests as well; nothing waits for it to pass. */
const STEP_MS = 60_000;
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
/** Answers of the console that say no are no faults of a page: who is nobody, what is gone. */
const EXPECTED = /status of (400|401|404|409|422)/;

/** `note` hears of every request. */
export async function openBrowser(pictures, note) {
  mkdirSync(pictures, { recursive: true });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
  const context = await browser.newContext({ viewport: WIDE });
  const faults = [];
  const watched = (page) => {
    page.setDefaultTimeout(STEP_MS);
    page.on('request', note);
    page.on('pageerror', (error) => faults.push(String(error.stack)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) faults.push(message.text());
    });
    return page;
  };
  const page = watched(await context.newPage());
  return {
    page,
    faults,
    id: (testid) => page.getByTestId(testid),
    picture: (name) => picture(page, join(pictures, `${name}.png`)),
    /** Somebody else, at another machine. */
    stranger: async () => watched(await (await browser.newContext({ viewport: WIDE })).newPage()),
    looks: (name) => looks(page, (kind) => join(pictures, `${name}-${kind}.png`)),
    close: () => browser.close(),
  };
}

async function picture(page, path) {
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path, animations: 'disabled' });
}

/** The page in dark colours and in a window as narrow as a telephone's, which it must fit. */
async function looks(page, path) {
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, path('dark'));
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(NARROW);
  await picture(page, path('narrow'));
  const widest = await page.evaluate(() => document.documentElement.scrollWidth);
  if (widest > NARROW.width) throw new Error(`${page.url()} is ${widest} wide in a window of ${NARROW.width}`);
  await page.setViewportSize(WIDE);
}
