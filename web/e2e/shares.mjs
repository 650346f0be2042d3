// A share: created after its checks, seen moving bytes, edited, deleted.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BODY_BYTES = 24 << 20;
const BODY = /2\d(\.\d+)?\s*MiB/;

export async function createShare({ page, id, picture }, { store, bucket }) {
  await id('empty-create-share').click();
  await id('share-submit').click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  await picture('share-form-errors');
  await id('share-name').fill('drawings');
  await id('share-endpoint').fill(store.endpoint);
  await id('share-region').fill(store.region);
  await id('share-bucket').fill('no-such-bucket');
  await id('share-prefix').fill('drawings/');
  await id('share-access-key-id').fill(store.access_key_id);
  await id('share-secret').fill(store.secret_access_key);
  await id('share-access-cidr-0').fill('127.0.0.0/8');
  await id('share-squash').selectOption('none');
  await id('share-upload-delay').fill('12');
  await id('share-client-encryption').selectOption('new_key');
  await id('share-submit').click();
  await id('check-verdict').waitFor();
  await id('share-check-bucket').and(page.locator('[data-state=failed]')).waitFor();
  await picture('share-checks-failed');
  await id('check-back').click();
  await id('share-bucket').fill(bucket);
  await id('share-submit').click();
  await page.waitForURL(/shares\/drawings$/);
  await id('share-state').getByText('Serving').waitFor();
  await picture('share');
}

/** The key of the share, saved as a file. */
export async function exportKey({ page, id }) {
  const [download] = await Promise.all([page.waitForEvent('download'), id('share-export-key').click()]);
  const key = readFileSync(await download.path(), 'utf8');
  if (!/^[0-9a-f]{64}\n$/.test(key)) throw new Error(`${download.suggestedFilename()} is no key`);
}

/** Written over NFS, seen dirty and then safe; the page is not reloaded meanwhile. */
export async function seeBytesMove({ page, picture, looks }, { folder, nfs_port }) {
  const file = join(folder, 'body');
  writeFileSync(file, Buffer.alloc(BODY_BYTES, 'causeway'));
  const port = `nfsport=${nfs_port}&mountport=${nfs_port}&version=3`;
  execFileSync('nfs-cp', [file, `nfs://127.0.0.1/drawings/plan.bin?${port}`]);
  const shows = (testid, hasText) => page.locator(`[data-testid=${testid}]`, { hasText }).waitFor();
  await shows('share-dirty-bytes', BODY);
  await picture('share-dirty');
  await shows('share-uploaded', BODY);
  await shows('share-dirty-bytes', /^\s*0\s*B/);
  await picture('share-uploaded');
  await looks('share');
}

export async function editShare({ page, id, picture, looks }) {
  await id('share-edit').click();
  await id('share-upload-delay').fill('2');
  await id('share-access-add').click();
  await id('share-access-cidr-1').fill('10.20.0.0/16');
  await id('share-access-right-1').selectOption('read_only');
  await id('share-mode').selectOption('write_through');
  await id('share-ignore-delete').selectOption('yes');
  await id('share-upload-limit').fill('20');
  await id('share-line-windows').fill('every day');
  await id('share-submit').click();
  await page.locator('[data-testid=share-line-windows][aria-invalid=true]').waitFor();
  await id('share-line-windows').fill('mon-fri 08:00-18:00 up 4 down 2');
  await id('share-part-size').fill('16');
  await picture('share-edit');
  await looks('share-edit');
  await id('share-submit').click();
  await page.waitForURL(/shares\/drawings$/);
  const settings = id('share-settings');
  await settings.getByText('2.0 s').waitFor();
  await settings.getByText('10.20.0.0/16').waitFor();
  await settings.getByText('write-through').waitFor();
  await settings.getByText('their objects stay').waitFor();
  await settings.getByText(/20(\.0)? MiB\/s up, no bound down; .*08:00-18:00 up 4 down 2/).waitFor();
  await settings.getByText(/in parts of 16(\.0)? MiB/).waitFor();
  await id('share-state').getByText('Serving').waitFor();
}

/** The objects stay; the gateway's page shows no share any more. */
export async function deleteShare({ page, id, picture, looks }) {
  await id('share-link').click();
  await id('share-delete').click();
  await id('delete-confirmation').fill('drawings');
  await id('delete-forget-key').check();
  await picture('share-delete');
  await looks('share-delete');
  await id('delete-submit').click();
  await page.waitForURL(/gateways\/gw-[0-9a-z]+$/);
  await id('notice-done').filter({ hasText: 'deleted' }).waitFor();
  await id('empty-create-share').waitFor();
}
