import type { Gateway } from '../../api/types';
import { isStale } from '../gateways/gateway-figures';

export interface Matter {
  gateway: Gateway;
  tone: 'bad' | 'warn';
  text: string;
  /** Since when, if known. */
  since: number | null;
}

/** What somebody should look at, the worst first. */
export function matters(gateways: Gateway[], now: number): Matter[] {
  const found = gateways.flatMap((gateway) => mattersOf(gateway, now));
  return found.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
}

function mattersOf(gateway: Gateway, now: number): Matter[] {
  if (gateway.state === 'offline') {
    return [{ gateway, tone: 'bad', text: 'Gateway is offline', since: gateway.last_seen_at }];
  }
  if (gateway.state === 'activating') {
    const expired = gateway.bundle_expires_at !== null && gateway.bundle_expires_at <= now;
    return expired ? [{ gateway, tone: 'warn', text: 'Activation bundle expired unused', since: gateway.bundle_expires_at }] : [];
  }
  const silent: Matter[] = isStale(gateway, now)
    ? [{ gateway, tone: 'warn', text: 'No report for a while', since: gateway.status_at }]
    : [];
  return [...silent, ...shareMatters(gateway)];
}

function shareMatters(gateway: Gateway): Matter[] {
  return (gateway.status?.shares ?? []).flatMap((share): Matter[] => {
    if (share.state === 'failed') {
      return [{ gateway, tone: 'bad', text: `Share ${share.name} failed: ${share.reason ?? 'no reason given'}`, since: null }];
    }
    if (share.uploads_failing > 0) {
      const why = share.last_upload_error === null ? '' : `: ${share.last_upload_error}`;
      return [{ gateway, tone: 'warn', text: `Uploads of share ${share.name} fail${why}`, since: null }];
    }
    return [];
  });
}
