// Commands that fail or cannot be sent, their reissue, and what the audit log says of it.

/** The share's key is withdrawn for a while: the gateway runs the command, and it fails. */
export async function reissueFailedCommand({ page, id, picture, looks }, way) {
  way.withdrawKey();
  await id('share-link').click();
  await id('share-sync').click();
  await id('notice-command').getByTestId('command-state').getByText('Failed').waitFor();
  await picture('command-failed');
  await id('nav-commands').click();
  const failed = rowOf(id, await id('commands-row').first().getAttribute('data-id'), page);
  await failed.getByTestId('command-state').getByText('Failed').waitFor();
  await failed.getByTestId('command-error').waitFor();
  way.restoreKey();
  await failed.getByTestId('command-reissue').click();
  await failed.getByText('reissued').waitFor();
  await expectFinished(id);
  await id('commands-toggle').first().click();
  await id('commands-detail').getByText('Reissue of').waitFor();
  await picture('command-reissued');
  await looks('commands');
}

/** The gateway is away: not sent, which the page says at once; later it is done with one click. */
export async function reissueUnsentCommand({ page, id, picture, looks }, gatewayUrl, machine) {
  await machine.kill('branch');
  await page.goto(gatewayUrl);
  await id('gateway-state').getByText('Offline').waitFor();
  await id('stale-note').waitFor();
  await id('gateway-pull-status').click();
  await id('notice-problem').or(id('notice-command')).first().waitFor();
  await picture('gateway-offline');
  await looks('gateway-offline');
  await id('nav-overview').click();
  await id('attention-item').filter({ hasText: 'Branch office' }).waitFor();
  await picture('overview-attention');
  await looks('overview');
  await id('nav-commands').click();
  const unsent = rowOf(id, await id('commands-row').first().getAttribute('data-id'), page);
  await unsent.getByTestId('command-state').getByText('Not executed').waitFor();
  await picture('command-not-executed');
  machine.start('branch');
  await id('nav-gateways').click();
  const row = id('gateways-row').filter({ hasText: 'Branch office' });
  await row.getByTestId('gateway-state').getByText('Online').waitFor();
  await looks('gateways');
  await id('nav-commands').click();
  await unsent.getByTestId('command-reissue').click();
  await unsent.getByText('reissued').waitFor();
  await expectFinished(id);
}

/** The newest row: finished, with all four marks. */
async function expectFinished(id) {
  const newest = id('commands-row').first();
  await newest.getByTestId('command-state').getByText('Finished').waitFor();
  for (const mark of ['accepted', 'delivered', 'started', 'finished']) {
    const reached = await newest.getByTestId(`mark-${mark}`).getAttribute('data-reached');
    if (reached !== 'true') throw new Error(`a finished command lacks the mark ${mark}`);
  }
}

function rowOf(id, command, page) {
  return id('commands-row').and(page.locator(`[data-id="${command}"]`));
}

/** The entry of the reissue tells who did what to which gateway; the chain is intact. */
export async function readAudit({ id, picture, looks }, gatewayId, user) {
  await id('nav-audit').click();
  await id('audit-row').first().waitFor();
  await id('audit-search').fill('command.reissue');
  const entry = id('audit-row').first();
  await entry.getByTestId('audit-action').getByText('command.reissue').waitFor();
  await entry.getByTestId('audit-outcome').getByText('Succeeded').waitFor();
  await entry.getByTestId('audit-actor').getByText(user).waitFor();
  await entry.getByTestId('audit-target').getByText(`gateway/${gatewayId}`).waitFor();
  await entry.getByTestId('audit-toggle').click();
  await id('audit-details').getByText('status.get').waitFor();
  await id('audit-verify').click();
  await id('audit-verdict').getByText('intact').waitFor();
  await picture('audit');
  await looks('audit');
}
