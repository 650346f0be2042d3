import { expect, it } from 'vitest';
import type { ShareSettings } from '../../api/types';
import { draftOf, EMPTY_FORM, formErrors, formOf } from './share-form-state';

const SETTINGS: ShareSettings = {
  name: 'projects',
  protocol: 'nfs',
  bucket: {
    provider: 's3',
    endpoint: 'https://s3.example.com',
    region: 'us-east-1',
    bucket: 'company',
    prefix: 'projects/',
    access_key_id: 'key',
  },
  cache_bytes_max: 12_345_678_901,
  upload_delay_ms: 2_500,
  rescan_interval_s: 0,
  access: [{ cidr: '10.0.0.0/8', access: 'read_only' }],
  squash: 'none',
  writers: 'many',
  conflicts: 'gateway_wins',
};

it('an edit that touches nothing changes nothing', () => {
  const draft = draftOf(formOf(SETTINGS), SETTINGS);
  expect(draft).toEqual({ ...SETTINGS, bucket: { ...SETTINGS.bucket, secret_access_key: '' } });
});

it('a prefix gets its slash and texts lose their blanks', () => {
  const draft = draftOf({ ...EMPTY_FORM, name: ' a ', prefix: ' team/x ', cache_gib: '1.5' });
  expect([draft.name, draft.bucket.prefix, draft.cache_bytes_max]).toEqual(['a', 'team/x/', 1_610_612_736]);
});

it('a row of the access rules that was left empty is no rule', () => {
  const access = [{ cidr: ' 10.0.0.0/8 ', access: 'read_write' as const }, { cidr: ' ', access: 'read_only' as const }];
  expect(draftOf({ ...EMPTY_FORM, access }).access).toEqual([{ cidr: '10.0.0.0/8', access: 'read_write' }]);
});

it('a filled form has no errors; an empty secret is fine when editing only', () => {
  expect(formErrors(formOf(SETTINGS), true)).toEqual({});
  expect(Object.keys(formErrors(formOf(SETTINGS), false))).toEqual(['secret_access_key']);
});

it.each([
  ['name', 'Projects'],
  ['name', ''],
  ['endpoint', 's3.example.com'],
  ['endpoint', 'https://host/path'],
  ['bucket', ' '],
  ['cache_gib', '0'],
  ['cache_gib', 'x'],
  ['upload_delay_s', '-1'],
  ['upload_delay_s', ''],
  ['rescan_interval_s', '1.5'],
] as const)('%s = "%s" is pointed out', (field, text) => {
  expect(formErrors({ ...formOf(SETTINGS), [field]: text }, true)).toHaveProperty(field);
});
