// What the stream tells, as typed items.

import type { AuditEntry, Command, Gateway, GatewayEvent, Share } from '../api/types';
import type { ServerEvent } from './sse-parser';

export type LiveItem =
  | { kind: 'gateway'; gateway: Gateway }
  | { kind: 'gateway_deleted'; id: string }
  | { kind: 'share'; gateway_id: string; share: Share }
  | { kind: 'share_deleted'; gateway_id: string; name: string }
  | { kind: 'command'; command: Command }
  | { kind: 'event'; event: GatewayEvent }
  | { kind: 'audit'; entry: AuditEntry }
  | { kind: 'reset' };

/** Undefined for kinds that this page does not know: a newer server may send more. */
export function readItem({ type, data }: ServerEvent): LiveItem | undefined {
  const value = JSON.parse(data) as Record<string, unknown> & { deleted?: boolean };
  switch (type) {
    case 'gateway':
      return value.deleted === true
        ? { kind: 'gateway_deleted', id: String(value.id) }
        : { kind: 'gateway', gateway: value as unknown as Gateway };
    case 'share':
      return readShare(value);
    case 'command':
      return { kind: 'command', command: value as unknown as Command };
    case 'event':
      return { kind: 'event', event: value as unknown as GatewayEvent };
    case 'audit':
      return { kind: 'audit', entry: value as unknown as AuditEntry };
    case 'reset':
      return { kind: 'reset' };
    default:
      return undefined;
  }
}

function readShare(value: Record<string, unknown> & { deleted?: boolean }): LiveItem {
  const { gateway_id, ...share } = value;
  const owner = String(gateway_id);
  return value.deleted === true
    ? { kind: 'share_deleted', gateway_id: owner, name: String(value.name) }
    : { kind: 'share', gateway_id: owner, share: share as unknown as Share };
}
