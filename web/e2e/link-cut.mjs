// The page of a gateway while its line is lost and comes back. The page is opened once, and then
// only looked at. Tells on standard output, as lines of JSON, what it shows.
//
//   node e2e/link-cut.mjs PLAN.json
//
// PLAN: { ready: what `causeway up --ready-file` wrote, gateway: its id, new_share: the name of a
// share that comes while the line is lost, pictures: folder for screenshots }

import { readFileSync } from 'node:fs';
import { openBrowser } from './browser.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const TIMEOUT_MS = 120_000;

const browser = await openBrowser(plan.pictures, () => {});
const { page, faults, id, picture } = browser;
page.setDefaultTimeout(TIMEOUT_MS);
const state = (text) => page.locator('[data-testid=gateway-state]', { hasText: text }).first();
const age = id('stale-age');

try {
  await page.goto(plan.ready.console.url);
  await id('login-user').fill(plan.ready.console.user);
  await id('login-password').fill(plan.ready.console.password);
  await id('login-submit').click();
  await id('overview-dirty-bytes').waitFor();
  await page.goto(`${plan.ready.console.url}/gateways/${plan.gateway}`);
  await state(/online/i).waitFor();
  // A page that was loaded again would have lost it.
  await page.evaluate(() => (window.openedOnce = true));
  tell('online');

  await state(/offline/i).waitFor();
  await age.waitFor();
  tell('offline', { age: await age.textContent() });
  await picture('link-cut');

  await id('share-link').getByText(plan.new_share, { exact: true }).waitFor();
  tell('new share', { age: await age.textContent() });

  await state(/online/i).waitFor();
  await age.waitFor({ state: 'detached' });
  await page
    .getByRole('row')
    .filter({ hasText: plan.new_share })
    .getByText('Serving', { exact: true })
    .waitFor();
  if (!(await page.evaluate(() => window.openedOnce))) throw new Error('the page was loaded again');
  if (faults.length > 0) throw new Error(`the page reported faults:\n${faults.join('\n')}`);
  await picture('link-back');
  tell('back');
} catch (error) {
  await picture('link-cut-failed');
  throw error;
} finally {
  await browser.close();
}

function tell(step, more = {}) {
  console.log(JSON.stringify({ step, ...more }));
}
