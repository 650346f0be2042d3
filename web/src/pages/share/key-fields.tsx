// The keys of a share's bucket: the gateway's own, or those of who may assume the role that lends them.

import { SelectField, TextField } from '../../components/field';
import { NumberField } from './number-field';
import type { FormErrors, KeysChoice, ShareForm } from './share-form-state';

const KEYS: [KeysChoice, string][] = [
  ['given', 'those given here'],
  ['role', 'lent by a role, and renewed'],
];

interface KeyFieldsProps {
  form: ShareForm;
  errors: FormErrors;
  editing: boolean;
  onChange: (change: Partial<ShareForm>) => void;
}

export function KeyFields(props: KeyFieldsProps) {
  const { form, errors, editing, onChange } = props;
  const ofRole = form.keys_from === 'role';
  const stored = ofRole ? 'Stays in the console.' : 'Stored by the console, sent to this gateway only.';
  return (
    <>
      <SelectField
        label="Keys of the gateway"
        hint={
          ofRole
            ? 'The console borrows them (STS); the access key below assumes the role and never leaves it.'
            : 'With a role, the gateway never holds a key for long.'
        }
        value={form.keys_from}
        options={KEYS}
        onChange={(keys_from) => onChange({ keys_from })}
        data-testid="share-keys-from"
      />
      <TextField
        label="Access key id"
        error={errors.access_key_id}
        value={form.access_key_id}
        onChange={(access_key_id) => onChange({ access_key_id })}
        autoComplete="off"
        spellCheck={false}
        data-testid="share-access-key-id"
      />
      <TextField
        label="Secret access key"
        hint={editing ? 'Leave it empty to keep the stored one.' : stored}
        error={errors.secret_access_key}
        type="password"
        value={form.secret_access_key}
        onChange={(secret_access_key) => onChange({ secret_access_key })}
        autoComplete="new-password"
        data-testid="share-secret"
      />
      {ofRole ? <RoleFields {...props} /> : <TokenField {...props} />}
    </>
  );
}

function TokenField({ form, onChange }: KeyFieldsProps) {
  return (
    <TextField
      label="Session token"
      hint="Only with keys that were lent for a while (STS)."
      type="password"
      value={form.session_token}
      onChange={(session_token) => onChange({ session_token })}
      autoComplete="off"
      data-testid="share-session-token"
    />
  );
}

function RoleFields(props: KeyFieldsProps) {
  const { form, errors, onChange } = props;
  const isOss = form.provider === 'oss';
  return (
    <>
      <TextField
        label="Role"
        hint="It needs the rights on the bucket, and must trust the user of the access key."
        error={errors.role_arn}
        value={form.role_arn}
        placeholder={isOss ? 'acs:ram::1234567890123456:role/name' : 'arn:aws:iam::123456789012:role/name'}
        onChange={(role_arn) => onChange({ role_arn })}
        spellCheck={false}
        data-testid="share-role-arn"
      />
      <TextField
        label="STS endpoint"
        hint="Empty for the provider’s own in the region; the console must reach it."
        error={errors.sts_endpoint}
        value={form.sts_endpoint}
        placeholder={isOss ? 'https://sts.cn-hangzhou.aliyuncs.com' : 'https://sts.eu-central-1.amazonaws.com'}
        onChange={(sts_endpoint) => onChange({ sts_endpoint })}
        spellCheck={false}
        data-testid="share-sts-endpoint"
      />
      <NumberField
        of={props}
        name="role_lifetime_s"
        label="Keys are lent for"
        hint="900 to 43200, and no more than the role allows; renewed after two thirds."
        suffix="s"
        inputMode="numeric"
        data-testid="share-role-lifetime"
      />
      <TextField
        label="External id"
        hint="If the role’s trust policy wants one."
        value={form.role_external_id}
        onChange={(role_external_id) => onChange({ role_external_id })}
        spellCheck={false}
        data-testid="share-role-external-id"
      />
    </>
  );
}
