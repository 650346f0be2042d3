// What is typed into the share form, and how it becomes settings.

import type {
  AccessRule,
  ConflictPolicy,
  OssSignature,
  Provider,
  ShareDraft,
  ShareSettings,
  Squash,
  Writers,
} from '../../api/types';
import { EMPTY_ENGINE_FORM, engineErrors, engineFormOf, engineOf, type EngineForm } from './engine-form-state';
import { EMPTY_ROLE_FORM, roleErrors, roleFormOf, roleOf, type RoleForm } from './role-form-state';

export type { KeysChoice } from './role-form-state';

export interface ShareForm extends EngineForm, RoleForm {
  name: string;
  provider: Provider;
  endpoint: string;
  region: string;
  bucket: string;
  prefix: string;
  access_key_id: string;
  secret_access_key: string;
  session_token: string;
  signature: OssSignature;
  cache_gib: string;
  upload_delay_s: string;
  rescan_interval_s: string;
  express_sync: 'on' | 'off';
  access: AccessRule[];
  squash: Squash;
  writers: Writers;
  conflicts: ConflictPolicy;
  client_encryption: ClientEncryptionChoice;
  client_key_id: string;
  client_key: string;
}

/** Whether the gateway encrypts what it uploads; of a share that is there, that stays as it is. */
export type ClientEncryptionChoice = 'none' | 'new_key' | 'key_of_share' | 'own_key';

const GIB = 1024 ** 3;

export const EMPTY_FORM: ShareForm = {
  name: '',
  provider: 's3',
  endpoint: '',
  region: 'us-east-1',
  bucket: '',
  prefix: '',
  access_key_id: '',
  secret_access_key: '',
  session_token: '',
  signature: 'v4',
  cache_gib: '20',
  upload_delay_s: '5',
  rescan_interval_s: '300',
  express_sync: 'on',
  access: [{ cidr: '10.0.0.0/8', access: 'read_write' }],
  squash: 'root',
  writers: 'one',
  conflicts: 'keep_both',
  client_encryption: 'none',
  client_key_id: '',
  client_key: '',
  ...EMPTY_ROLE_FORM,
  ...EMPTY_ENGINE_FORM,
};

export function formOf(settings: ShareSettings): ShareForm {
  const { role, ...bucket } = settings.bucket;
  return {
    ...bucket,
    ...roleFormOf(role),
    ...engineFormOf(settings.engine),
    name: settings.name,
    secret_access_key: '',
    session_token: '',
    cache_gib: String(Number((settings.cache_bytes_max / GIB).toFixed(3))),
    upload_delay_s: String(settings.upload_delay_ms / 1000),
    rescan_interval_s: String(settings.rescan_interval_s),
    express_sync: settings.express_sync ? 'on' : 'off',
    access: settings.access,
    squash: settings.squash,
    writers: settings.writers,
    conflicts: settings.conflicts,
    client_encryption: settings.client_encryption ? 'key_of_share' : 'none',
    client_key_id: settings.client_encryption?.key_id ?? '',
    client_key: '',
  };
}

/** `replaced`: settings that an edit began with; what the form does not touch stays exact. */
export function draftOf(form: ShareForm, replaced?: ShareSettings): ShareDraft {
  const untouched = replaced !== undefined && formOf(replaced).cache_gib === form.cache_gib;
  return {
    ...replaced,
    name: form.name.trim(),
    protocol: 'nfs',
    bucket: {
      provider: form.provider,
      endpoint: form.endpoint.trim(),
      region: form.region.trim(),
      bucket: form.bucket.trim(),
      prefix: slashed(form.prefix.trim()),
      access_key_id: form.access_key_id.trim(),
      secret_access_key: form.secret_access_key,
      session_token: form.keys_from === 'role' ? '' : form.session_token.trim(),
      signature: form.signature,
      role: roleOf(form),
    },
    cache_bytes_max: untouched ? replaced.cache_bytes_max : Math.round(Number(form.cache_gib) * GIB),
    upload_delay_ms: Math.round(Number(form.upload_delay_s) * 1000),
    rescan_interval_s: Math.round(Number(form.rescan_interval_s)),
    express_sync: form.express_sync === 'on',
    access: rulesOf(form.access),
    squash: form.squash,
    writers: form.writers,
    conflicts: form.conflicts,
    client_encryption: clientEncryptionOf(form),
    engine: engineOf(form),
  };
}

/** What is empty, the console sets. */
function clientEncryptionOf(form: ShareForm): ShareDraft['client_encryption'] {
  switch (form.client_encryption) {
    case 'none':
      return null;
    case 'new_key':
      return { key_id: '', key: '' };
    case 'key_of_share':
      return { key_id: form.client_key_id.trim(), key: '' };
    case 'own_key':
      return { key_id: '', key: form.client_key.trim() };
  }
}

/** A row that was left empty is no rule. */
function rulesOf(rows: AccessRule[]): AccessRule[] {
  return rows.map((rule) => ({ ...rule, cidr: rule.cidr.trim() })).filter((rule) => rule.cidr !== '');
}

/** A prefix is empty or ends with a slash. */
function slashed(prefix: string): string {
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

export type FormErrors = Partial<Record<keyof ShareForm, string>>;

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** What can be seen to be wrong without asking the console. */
export function formErrors(form: ShareForm, editing: boolean): FormErrors {
  const errors: FormErrors = engineErrors(form);
  const require = (field: 'bucket' | 'access_key_id' | 'secret_access_key', sentence: string) => {
    if (form[field].trim() === '') errors[field] = sentence;
  };
  if (!NAME.test(form.name.trim())) {
    errors.name = 'Use 1 to 32 lower case letters, digits or “-”, beginning with a letter.';
  }
  if (form.provider === 'directory') {
    if (!/^file:\/\/\/\S/.test(form.endpoint.trim())) errors.endpoint = 'Write file:///path.';
  } else {
    if (!/^https?:\/\/[^\s/]+\/?$/.test(form.endpoint.trim())) {
      errors.endpoint = 'Write https://host or https://host:port.';
    }
    require('access_key_id', 'Enter the access key id.');
    if (!editing) require('secret_access_key', 'Enter the secret of the access key.');
    Object.assign(errors, roleErrors(form));
  }
  require('bucket', 'Name the bucket.');
  if (form.client_encryption === 'key_of_share' && !/^[0-9a-f]{32}$/.test(form.client_key_id.trim())) {
    errors.client_key_id = 'Enter the 32 digits that the other share shows.';
  }
  if (form.client_encryption === 'own_key' && !/^[0-9a-fA-F]{64}$/.test(form.client_key.trim())) {
    errors.client_key = 'Enter 64 hexadecimal digits.';
  }
  if (!(Number(form.cache_gib) > 0)) errors.cache_gib = 'Enter a number above 0.';
  if (!isNatural(form.rescan_interval_s)) errors.rescan_interval_s = 'Enter whole seconds; 0 means never.';
  if (form.upload_delay_s.trim() === '' || !(Number(form.upload_delay_s) >= 0)) {
    errors.upload_delay_s = 'Enter a number of seconds, 0 or more.';
  }
  return errors;
}

function isNatural(text: string): boolean {
  return /^\d+$/.test(text.trim());
}
