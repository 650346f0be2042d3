// The pages as an operator uses them, against a real console and real gateways.
//
//   node e2e/pages.mjs PLAN.json
//
// PLAN: { ready: what `causeway up --ready-file` wrote, causeway: the program, folder: for the
// new gateway, nfs_port: where it serves, bucket: for its share, pictures: folder for screenshots }

import { readFileSync } from 'node:fs';
import { openBrowser } from './browser.mjs';
import { readAudit, reissueFailedCommand, reissueUnsentCommand } from './commands.mjs';
import {
  addGateway, deleteGateway, machines, metricsOverTime, moveToNewMachine, readEvents, renameGateway,
} from './gateways.mjs';
import { watchOperations } from './operations.mjs';
import { createShare, deleteShare, editShare, exportKey, seeBytesMove } from './shares.mjs';
import { openStore } from './store.mjs';
import { addUser, changePassword, lookAsViewer } from './users.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { console: theConsole, object_store: store } = plan.ready;
const machine = machines(plan);
const way = await openStore(store.endpoint);
const operations = watchOperations(theConsole.url);
const browser = await openBrowser(plan.pictures, operations.note);
const { page, id, picture, faults } = browser;

try {
  await logIn();
  const gatewayId = await addGateway(browser, machine);
  const gatewayUrl = page.url();
  await createShare(browser, { store: { ...store, endpoint: way.endpoint }, bucket: plan.bucket });
  await seeBytesMove(browser, plan);
  await exportKey(browser);
  await editShare(browser);
  await page.goto(gatewayUrl);
  await metricsOverTime(browser);
  await readEvents(browser);
  await reissueFailedCommand(browser, way);
  await reissueUnsentCommand(browser, gatewayUrl, machine);
  await readAudit(browser, gatewayId, theConsole.user);
  await addUser(browser);
  await lookAsViewer(browser, theConsole.url, gatewayId);
  await page.goto(gatewayUrl);
  await renameGateway(browser);
  await moveToNewMachine(browser, machine);
  await deleteShare(browser);
  await deleteGateway(browser, gatewayId);
  await changePassword(browser, theConsole);
  operations.settle();
  if (faults.length > 0) throw new Error(`the page reported faults:\n${faults.join('\n')}`);
  process.stdout.write('the pages do what an operator wants\n');
} catch (error) {
  await picture('failed');
  throw error;
} finally {
  machine.killAll();
  way.close();
  await browser.close();
}

async function logIn() {
  await page.goto(theConsole.url);
  await id('login-user').fill(theConsole.user);
  await id('login-password').fill('not the password');
  await id('login-submit').click();
  await id('login-problem').waitFor();
  await picture('login-refused');
  await id('login-password').fill(theConsole.password);
  await id('login-submit').click();
  await id('overview-dirty-bytes').waitFor();
  await picture('overview');
}
