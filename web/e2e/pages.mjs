// The pages as an operator uses them, against a real console and real gateways.
//
//   node e2e/pages.mjs PLAN.json
//
// PLAN: { ready: what `causeway up --ready-file` wrote, causeway: the program, folder: for the
// new gateway, nfs_port: where it serves, pictures: folder for screenshots }

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { ready } = plan;
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
const BODY_BYTES = 24 << 20;

mkdirSync(plan.pictures, { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(30_000);
const faults = [];
page.on('pageerror', (error) => faults.push(String(error.stack)));
const id = (testid) => page.getByTestId(testid);
let gateway;

try {
  await logIn();
  const gatewayId = await addGateway();
  await createShare(gatewayId);
  await seeBytesMove();
  await reissueFailedCommand(gatewayId);
  await readAudit(gatewayId);
  if (faults.length > 0) throw new Error(`the page reported faults:\n${faults.join('\n')}`);
  console.log('the pages do what an operator wants');
} catch (error) {
  await picture('failed');
  throw error;
} finally {
  gateway?.kill('SIGKILL');
  await browser.close();
}

async function picture(name) {
  await page.screenshot({ path: join(plan.pictures, `${name}.png`) });
}

async function logIn() {
  await page.goto(ready.console.url);
  await id('login-user').fill(ready.console.user);
  await id('login-password').fill('not the password');
  await id('login-submit').click();
  await id('login-problem').waitFor();
  await picture('login-refused');
  await id('login-password').fill(ready.console.password);
  await id('login-submit').click();
  await id('overview-dirty-bytes').waitFor();
  await picture('overview');
}

/** By the page's own bundle, on "another machine": a process with a folder of its own. */
async function addGateway() {
  await id('nav-gateways').click();
  await id('gateways-row').first().waitFor();
  await picture('gateways');
  await id('add-gateway').first().click();
  await id('gateway-name-input').fill('Branch office');
  await id('gateway-create').click();
  await id('join-command').waitFor();
  await picture('add-gateway');
  const command = await id('join-command').textContent();
  const bundle = /causeway1\.\S+/.exec(command)[0];
  const data = join(plan.folder, 'data');
  execFileSync(plan.causeway, ['gateway', 'join', '-', '--data', data], { input: bundle });
  startGateway();
  await id('first-share').waitFor();
  await picture('gateway-activated');
  await id('open-gateway').click();
  await page.waitForURL(/gateways\/gw-/);
  return /gw-[0-9a-z]+/.exec(page.url())[0];
}

function startGateway() {
  const words = ['gateway', 'run', '--data', join(plan.folder, 'data')];
  words.push('--nfs-address', `127.0.0.1:${plan.nfs_port}`);
  gateway = spawn(plan.causeway, words, { stdio: 'ignore' });
}

async function createShare(gatewayId) {
  await page.goto(`${ready.console.url}/gateways/${gatewayId}/shares/new`);
  const store = ready.object_store;
  await id('share-name').fill('drawings');
  await id('share-endpoint').fill(store.endpoint);
  await id('share-region').fill(store.region);
  await id('share-bucket').fill('no-such-bucket');
  await id('share-prefix').fill('drawings/');
  await id('share-access-key-id').fill(store.access_key_id);
  await id('share-secret').fill(store.secret_access_key);
  await id('share-access-add').click();
  await id('share-access-cidr-0').fill('127.0.0.0/8');
  await id('share-squash').selectOption('none');
  await id('share-upload-delay').fill('12');
  await id('share-submit').click();
  await id('check-verdict').waitFor();
  await picture('share-checks-failed');
  await id('check-back').click();
  await id('share-bucket').fill(plan.bucket);
  await id('share-submit').click();
  await page.waitForURL(/shares\/drawings$/);
  await page.locator('[data-testid=share-state]', { hasText: /serving/i }).first().waitFor();
  await picture('share');
}

async function seeBytesMove() {
  const file = join(plan.folder, 'body');
  writeFileSync(file, Buffer.alloc(BODY_BYTES, 'causeway'));
  const target = `nfs://127.0.0.1/drawings/plan.bin?nfsport=${plan.nfs_port}&mountport=${plan.nfs_port}&version=3`;
  execFileSync('nfs-cp', [file, target]);
  // Live: the page is not reloaded from here on.
  await page.locator('[data-testid=share-dirty-bytes]', { hasText: /2\d(\.\d+)? Mi?B/ }).waitFor();
  await picture('share-dirty');
  await page.locator('[data-testid=share-uploaded]', { hasText: /2\d(\.\d+)? Mi?B/ }).waitFor();
  await page.locator('[data-testid=share-dirty-bytes]', { hasText: /^\s*0\s*B/ }).waitFor();
  await picture('share-uploaded');
}

async function reissueFailedCommand(gatewayId) {
  gateway.kill('SIGKILL');
  await page.goto(`${ready.console.url}/gateways/${gatewayId}`);
  await page.locator('[data-testid=gateway-state]', { hasText: /offline/i }).first().waitFor();
  await picture('gateway-offline');
  const pull = id('gateway-pull-status');
  await pull.click({ force: true });
  await id('nav-commands').click();
  const row = id('commands-row').first();
  await row.getByTestId('command-state').getByText(/not executed/i).waitFor();
  await picture('command-not-executed');
  startGateway();
  await page.waitForTimeout(3_000);
  await row.getByTestId('command-reissue').click();
  await id('commands-row').first().getByTestId('command-state').getByText(/finished/i).waitFor();
  await id('commands-toggle').first().click();
  await picture('command-reissued');
}

async function readAudit(gatewayId) {
  await id('nav-audit').click();
  await id('audit-row').first().waitFor();
  await id('audit-search').fill(gatewayId);
  const entry = id('audit-row').filter({ hasText: 'command.reissue' }).first();
  await entry.waitFor();
  await entry.getByTestId('audit-outcome').getByText(/succeeded/i).waitFor();
  await id('audit-verify').click();
  await id('audit-verdict').getByText(/intact/i).waitFor();
  await picture('audit');
}
