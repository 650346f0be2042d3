// Pictures of every page in light and dark, from a console or the mock server.
//
//   node dev/screenshots.mjs DIR [URL] [PASSWORD]

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [dir = 'screenshots', url = 'http://127.0.0.1:8099', password = 'admin'] = process.argv.slice(2);
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

mkdirSync(dir, { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
const problems = [];
for (const theme of ['light', 'dark']) await shoot(theme);
await browser.close();
problems.forEach((problem) => console.log(problem));
process.exit(problems.length === 0 ? 0 : 1);

// Before the login, the page asks who is logged in and hears that nobody is.
function expected(text) {
  return text.includes('401');
}

async function shoot(theme) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: theme });
  const page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && !expected(message.text()) && problems.push(`${theme}: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(`${theme}: ${error.stack}`));
  const id = (testid) => page.getByTestId(testid);
  const picture = async (name, wait = 500) => {
    await page.waitForTimeout(wait);
    await page.screenshot({ path: join(dir, `${name}-${theme}.png`) });
  };

  await page.goto(url);
  await picture('login');
  await id('login-user').fill('admin');
  await id('login-password').fill(password);
  await id('login-submit').click();
  await id('overview-dirty-bytes').waitFor();
  await picture('overview', 12_000);

  await id('nav-gateways').click();
  await id('gateways-row').first().waitFor();
  await picture('gateways');

  // Not one that the other theme has added: it has no shares.
  const online = page.getByTestId('gateways-row').filter({ hasText: 'Online' });
  await online.first().getByTestId('gateway-link').click();
  await id('shares-row').first().waitFor();
  await picture('gateway-shares', 3_000);
  for (const tab of ['metrics', 'events', 'commands']) {
    await id(`tab-${tab}`).click();
    await picture(`gateway-${tab}`, 800);
  }
  await id('tab-shares').click();
  await id('share-link').last().click();
  await id('mount-command').waitFor();
  await picture('share', 1_000);
  await id('share-sync').click();
  await id('notice-command').waitFor();
  await picture('share-sync', 700);
  await id('share-edit').click();
  await id('share-name').waitFor();
  await picture('share-edit');
  await page.goBack();
  await id('share-delete').click();
  await picture('share-delete');
  await id('delete-cancel').click();

  await id('nav-gateways').click();
  await id('gateways-row').first().waitFor();
  const offline = page.getByTestId('gateways-row').filter({ hasText: 'Offline' });
  if ((await offline.count()) > 0) {
    await offline.first().getByTestId('gateway-link').click();
    await id('stale-note').waitFor();
    await picture('gateway-offline');
  }

  await id('nav-commands').click();
  await id('commands-row').first().waitFor();
  await id('commands-toggle').first().click();
  await picture('commands');
  await id('nav-audit').click();
  await id('audit-row').first().waitFor();
  await id('audit-verify').click();
  await id('audit-toggle').first().click();
  await picture('audit');
  await id('nav-users').click();
  await picture('users');

  await id('nav-gateways').click();
  await id('add-gateway').click();
  await id('gateway-name-input').fill(`Graz branch, ${theme}`);
  await picture('add-gateway');
  await id('gateway-create').click();
  await id('join-command').waitFor();
  await picture('add-gateway-waiting', 1_000);
  if (url.endsWith(':8099')) {
    await page.locator('[data-testid=join-step-activated][data-state=done]').waitFor();
    await picture('add-gateway-activated');
    await id('first-share').click();
    await id('share-submit').click();
    await picture('share-new-errors');
    await id('share-name').fill('plans');
    await id('share-endpoint').fill('https://s3.example.com');
    await id('share-bucket').fill('missing');
    await id('share-prefix').fill('plans');
    await id('share-access-key-id').fill('AKIA');
    await id('share-secret').fill('secret');
    await id('share-submit').click();
    await id('check-verdict').waitFor();
    await picture('share-checks-failed');
    await id('check-back').click();
    await id('share-bucket').fill(`graz-${theme}`);
    await id('share-submit').click();
    await id('share-dirty-bytes').waitFor({ timeout: 10_000 });
    await picture('share-new', 1_000);
  }
  await context.close();
}
