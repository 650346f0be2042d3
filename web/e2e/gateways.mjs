// Gateways: one is added and joins, shows its metrics and events, is renamed, and is deleted.

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';

/** Gateways as processes on "another machine": a folder and a port of their own. */
export function machines({ causeway, folder, nfs_port }) {
  const running = new Map();
  const data = (name) => join(folder, name);
  return {
    join: (name, bundle) =>
      execFileSync(causeway, ['gateway', 'join', '-', '--data', data(name)], { input: bundle, stdio: 'pipe' }),
    start(name) {
      const words = ['gateway', 'run', '--data', data(name), '--nfs-address', `127.0.0.1:${nfs_port}`];
      running.set(name, spawn(causeway, words, { stdio: 'ignore' }));
    },
    async kill(name) {
      const child = running.get(name);
      running.delete(name);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    killAll: () => running.forEach((child) => child.kill('SIGKILL')),
  };
}

function bundleIn(command) {
  return /causeway1\.\S+/.exec(command)[0];
}

/** By the page's own bundle; gives the id of the new gateway. */
export async function addGateway({ page, id, picture }, machine) {
  await id('nav-gateways').click();
  await id('gateways-row').first().waitFor();
  await picture('gateways');
  await id('add-gateway').first().click();
  await id('gateway-name-input').fill('Branch office');
  await id('gateway-create').click();
  await id('join-command').waitFor();
  await picture('add-gateway');
  machine.join('branch', bundleIn(await id('join-command').textContent()));
  machine.start('branch');
  await id('join-step-activated').and(page.locator('[data-state=done]')).waitFor();
  await picture('gateway-activated');
  await id('open-gateway').click();
  await page.waitForURL(/gateways\/gw-/);
  await id('gateway-state').getByText('Online').waitFor();
  await id('empty-create-share').waitFor();
  await picture('gateway-without-shares');
  return /gw-[0-9a-z]+/.exec(page.url())[0];
}

/** Charts with lines in them, of the gateway and of its share, over each range. */
export async function metricsOverTime({ id, picture, looks }) {
  await id('tab-metrics').click();
  const shows = (chart, value) => id(`chart-${chart}`).locator('.u-legend').getByText(value).first().waitFor();
  await shows('memory', /\d MiB/);
  await shows('store', /\d [KM]?i?B\/s/);
  await id('metrics-range-1h').click();
  await shows('cache', /2\d(\.\d+)? MiB/);
  await picture('gateway-metrics');
  await id('metrics-share').selectOption('drawings');
  await id('chart-memory').waitFor({ state: 'detached' });
  await shows('cache', /2\d(\.\d+)? MiB/);
  for (const range of ['7d', '24h', '15m']) await id(`metrics-range-${range}`).click();
  await id('chart-dirty').locator('canvas').waitFor();
  await looks('share-metrics');
}

export async function readEvents({ id, picture, looks }) {
  await id('tab-events').click();
  await id('events-row').filter({ hasText: 'drawings' }).first().waitFor();
  await picture('gateway-events');
  await looks('gateway-events');
  await id('events-filter-error').click();
  await id('empty').waitFor();
  await id('events-filter-info').click();
  await id('events-row').first().waitFor();
  await id('tab-shares').click();
}

export async function renameGateway({ id, picture }) {
  await id('gateway-rename').click();
  await id('rename-input').fill('Branch office, Graz');
  await picture('gateway-rename');
  await id('rename-submit').click();
  await id('page-title').getByText('Branch office, Graz').waitFor();
}

/** The machine is replaced: another one joins with the new bundle, under the same id. */
export async function moveToNewMachine({ page, id, picture }, machine) {
  await id('gateway-new-bundle').click();
  await picture('bundle-warning');
  await id('bundle-make').click();
  await id('join-command').waitFor();
  await picture('bundle-new');
  await machine.kill('branch');
  machine.join('replacement', bundleIn(await id('join-command').textContent()));
  machine.start('replacement');
  await id('bundle-close').click();
  await id('bundle-dialog').waitFor({ state: 'detached' });
  await id('gateway-state').getByText('Online').waitFor();
  await page.locator('[data-testid=gateway-in-sync]', { hasText: 'In sync' }).waitFor();
}

export async function deleteGateway({ page, id, picture }, gatewayId) {
  await id('gateway-delete').click();
  await id('delete-confirmation').fill('Branch office');
  if (await id('delete-submit').isEnabled()) throw new Error('half a name is enough to delete a gateway');
  await picture('gateway-delete');
  await id('delete-confirmation').fill('Branch office, Graz');
  await id('delete-submit').click();
  await page.waitForURL(/\/gateways$/);
  await id('notice-done').filter({ hasText: 'Graz was deleted' }).waitFor();
  await id('gateways-row').and(page.locator(`[data-id=${gatewayId}]`)).waitFor({ state: 'detached' });
  await picture('gateway-deleted');
}
