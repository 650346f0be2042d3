// The role that lends a share its keys, as it is typed.

import type { AssumedRole, Provider } from '../../api/types';

/** Whether the gateway has the keys of the form, or what a role lends. */
export type KeysChoice = 'given' | 'role';

export interface RoleForm {
  keys_from: KeysChoice;
  role_arn: string;
  sts_endpoint: string;
  role_lifetime_s: string;
  role_external_id: string;
}

export const EMPTY_ROLE_FORM: RoleForm = {
  keys_from: 'given',
  role_arn: '',
  sts_endpoint: '',
  role_lifetime_s: '3600',
  role_external_id: '',
};

export function roleFormOf(role: AssumedRole | null | undefined): RoleForm {
  if (!role) return EMPTY_ROLE_FORM;
  return {
    keys_from: 'role',
    role_arn: role.arn,
    sts_endpoint: role.sts_endpoint,
    role_lifetime_s: String(role.lifetime_s),
    role_external_id: role.external_id,
  };
}

type FormWithRole = RoleForm & { provider: Provider };

export function roleOf(form: FormWithRole): AssumedRole | null {
  if (form.keys_from === 'given' || form.provider === 'directory') return null;
  return {
    arn: form.role_arn.trim(),
    sts_endpoint: form.sts_endpoint.trim(),
    lifetime_s: Number(form.role_lifetime_s),
    external_id: form.role_external_id.trim(),
  };
}

const ARN = {
  s3: /^arn:aws(-cn|-us-gov)?:iam::\d+:role\/\S+$/,
  oss: /^acs:ram::\d+:role\/\S+$/,
};

export function roleErrors(form: FormWithRole): Partial<Record<keyof RoleForm, string>> {
  const errors: Partial<Record<keyof RoleForm, string>> = {};
  if (form.keys_from === 'given' || form.provider === 'directory') return errors;
  if (!ARN[form.provider].test(form.role_arn.trim())) {
    const like = form.provider === 'oss' ? 'acs:ram::<account>:role/<name>' : 'arn:aws:iam::<account>:role/<name>';
    errors.role_arn = `Write ${like}, as the role’s page shows it.`;
  }
  const endpoint = form.sts_endpoint.trim();
  if (endpoint !== '' && !/^https?:\/\/[^\s/]+\/?$/.test(endpoint)) {
    errors.sts_endpoint = 'Write https://host or https://host:port, or leave it empty.';
  }
  const lifetime = form.role_lifetime_s.trim();
  if (!/^\d+$/.test(lifetime) || Number(lifetime) < 900 || Number(lifetime) > 43_200) {
    errors.role_lifetime_s = 'Enter 900 to 43200 seconds.';
  }
  return errors;
}
