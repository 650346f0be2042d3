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
    signature: 'v4',
    role: null,
  },
  cache_bytes_max: 12_345_678_901,
  upload_delay_ms: 2_500,
  rescan_interval_s: 0,
  express_sync: false,
  access: [{ cidr: '10.0.0.0/8', access: 'read_only' }],
  squash: 'none',
  writers: 'many',
  conflicts: 'gateway_wins',
  client_encryption: null,
  engine: {
    mode: 'write_through',
    ignore_delete: true,
    encryption: { method: 'key_service', key_id: 'key-7' },
    bandwidth: {
      limits: { upload_bytes_per_s: 1_000_000, download_bytes_per_s: 0, write_bytes_per_s: 0, read_bytes_per_s: 5_000_001 },
      windows: [
        {
          days: ['saturday'],
          from_minute: 0,
          to_minute: 1_440,
          limits: { upload_bytes_per_s: 0, download_bytes_per_s: 123_457, write_bytes_per_s: 1_234_567, read_bytes_per_s: 0 },
        },
      ],
      utc_offset_minutes: -210,
    },
    uploads: { rest_max_ms: 5, part_bytes: 16_777_216, requests_max: 7 },
    refresh_after_s: 30,
  },
};

it('an edit that touches nothing changes nothing', () => {
  const draft = draftOf(formOf(SETTINGS), SETTINGS);
  expect(draft).toEqual({ ...SETTINGS, bucket: { ...SETTINGS.bucket, secret_access_key: '', session_token: '' } });
});

it('a prefix gets its slash and texts lose their blanks', () => {
  const draft = draftOf({ ...EMPTY_FORM, name: ' a ', prefix: ' team/x ', cache_gib: '1.5' });
  expect([draft.name, draft.bucket.prefix, draft.cache_bytes_max]).toEqual(['a', 'team/x/', 1_610_612_736]);
});

it('the gateway encrypts with the key that was chosen', () => {
  const chosen = (change: object) => draftOf({ ...EMPTY_FORM, ...change }).client_encryption;
  expect(chosen({})).toBeNull();
  expect(chosen({ client_encryption: 'new_key', client_key: 'left over' })).toEqual({ key_id: '', key: '' });
  const key_id = '0123456789abcdef0123456789abcdef';
  expect(chosen({ client_encryption: 'key_of_share', client_key_id: ` ${key_id} ` })).toEqual({ key_id, key: '' });
  const encrypted: ShareSettings = { ...SETTINGS, client_encryption: { key_id } };
  expect(draftOf(formOf(encrypted), encrypted).client_encryption).toEqual({ key_id, key: '' });
  expect(formErrors({ ...formOf(SETTINGS), client_encryption: 'own_key', client_key: 'ab' }, true)).toHaveProperty('client_key');
});

it('a role lends the keys, or the form has them', () => {
  const role = { arn: 'arn:aws:iam::1:role/a', sts_endpoint: '', lifetime_s: 900, external_id: 'x' };
  const lent: ShareSettings = { ...SETTINGS, bucket: { ...SETTINGS.bucket, role } };
  expect(draftOf(formOf(lent), lent).bucket.role).toEqual(role);
  expect(draftOf({ ...formOf(lent), session_token: 'left over' }, lent).bucket.session_token).toBe('');
  expect(draftOf({ ...formOf(lent), keys_from: 'given' }, lent).bucket.role).toBeNull();
  expect(draftOf({ ...formOf(lent), provider: 'directory' }, lent).bucket.role).toBeNull();
  expect(formErrors(formOf(lent), true)).toEqual({});
  expect(formErrors({ ...formOf(lent), provider: 'oss' }, true)).toHaveProperty('role_arn');
  expect(formErrors({ ...formOf(lent), role_lifetime_s: '60' }, true)).toHaveProperty('role_lifetime_s');
  expect(formErrors({ ...formOf(lent), sts_endpoint: 'sts' }, true)).toHaveProperty('sts_endpoint');
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
  ['upload_mib_s', 'x'],
  ['download_mib_s', '0.001'],
  ['line_windows', 'always'],
  ['utc_offset', '8'],
  ['rest_max_s', '90000'],
  ['part_mib', '4'],
  ['part_mib', '8.5'],
  ['requests_max', '0'],
  ['read_mib_s', '0.001'],
  ['refresh_after_s', '1.5'],
] as const)('%s = "%s" is pointed out', (field, text) => {
  expect(formErrors({ ...formOf(SETTINGS), [field]: text }, true)).toHaveProperty(field);
});
