import type { Role } from '../../api/types';

export const ROLES: readonly (readonly [Role, string])[] = [
  ['admin', 'Admin: everything, users too'],
  ['operator', 'Operator: gateways, shares, commands'],
  ['auditor', 'Auditor: looks at everything, the audit log too'],
  ['viewer', 'Viewer: looks at the fleet'],
];

export const ROLE_NAMES: Record<Role, string> = {
  admin: 'Admin',
  operator: 'Operator',
  auditor: 'Auditor',
  viewer: 'Viewer',
};
