import type { Gateway } from '../../api/types';

/** Sum over its shares; null while it never reported. */
export function dirtyBytes(gateway: Gateway): number | null {
  return gateway.status?.shares.reduce((sum, share) => sum + share.dirty_bytes, 0) ?? null;
}

export function oldestDirtyAge(gateway: Gateway): number | null {
  return gateway.status?.shares.reduce((oldest, share) => Math.max(oldest, share.oldest_dirty_age_ms), 0) ?? null;
}

// A gateway reports every few seconds; one that missed several is silent.
const FRESH_MAX_MS = 30_000;

/** Whether what is known of it no longer tells how it is. */
export function isStale(gateway: Gateway, now: number): boolean {
  return gateway.state !== 'online' || gateway.status_at === null || now - gateway.status_at > FRESH_MAX_MS;
}

export function inSync(gateway: Gateway): boolean {
  // A version that was never told by this console is that of another time.
  return (gateway.reached_version ?? 0) === gateway.intent_version;
}

const LOCATIONS = { 'on-premises': 'On premises', cloud: 'Cloud' } as const;

export function locationText(gateway: Gateway): string {
  return LOCATIONS[gateway.location];
}
