// How the states of the API are shown, each in one place.

import type { AuditOutcome, CommandState, GatewayState, Severity, Share } from '../api/types';
import { Pill, type Tone } from './pill';

const GATEWAY: Record<GatewayState, [Tone, string]> = {
  online: ['good', 'Online'],
  offline: ['bad', 'Offline'],
  activating: ['info', 'Waiting to join'],
};

export function GatewayPill({ state }: { state: GatewayState }) {
  const [tone, text] = GATEWAY[state];
  return (
    <Pill tone={tone} data-testid="gateway-state">
      {text}
    </Pill>
  );
}

function shareState(share: Share): [Tone, string] {
  if (share.removing) return ['warn', 'Being removed'];
  if (share.error !== null) return ['bad', 'Failed'];
  if (share.status === null) return ['info', 'Waiting for the gateway'];
  switch (share.status.state) {
    case 'serving':
      return share.in_sync ? ['good', 'Serving'] : ['info', 'Applying changes'];
    case 'starting':
      return ['info', 'Starting'];
    case 'failed':
      return ['bad', 'Failed'];
  }
}

interface SharePillProps {
  share: Share;
  /** Nobody is there to tell how it is now. */
  stale?: boolean;
}

export function SharePill({ share, stale }: SharePillProps) {
  const [tone, text] = shareState(share);
  const last = stale && share.status !== null;
  return (
    <Pill tone={last ? 'idle' : tone} data-testid="share-state">
      {last ? `${text} when last seen` : text}
    </Pill>
  );
}

const COMMAND: Record<CommandState, [Tone, string, string]> = {
  pending: ['info', 'Pending', 'No outcome yet'],
  finished: ['good', 'Finished', 'The gateway ran it'],
  failed: ['bad', 'Failed', 'The gateway ran it, and it failed'],
  not_executed: ['warn', 'Not executed', 'It did not run and will not: reissuing is safe'],
  unknown: ['warn', 'Unknown', 'It was delivered, but no result came; the gateway never runs it twice'],
};

export function CommandPill({ state }: { state: CommandState }) {
  const [tone, text, title] = COMMAND[state];
  return (
    <Pill tone={tone} title={title} data-testid="command-state">
      {text}
    </Pill>
  );
}

const OUTCOME: Record<AuditOutcome, [Tone, string]> = {
  open: ['info', 'Open'],
  succeeded: ['good', 'Succeeded'],
  failed: ['bad', 'Failed'],
  unknown: ['warn', 'Unknown'],
};

export function OutcomePill({ outcome }: { outcome: AuditOutcome }) {
  const [tone, text] = OUTCOME[outcome];
  return (
    <Pill tone={tone} data-testid="audit-outcome">
      {text}
    </Pill>
  );
}

const SEVERITY: Record<Severity, [Tone, string]> = {
  info: ['idle', 'Info'],
  warning: ['warn', 'Warning'],
  error: ['bad', 'Error'],
};

export function SeverityPill({ severity }: { severity: Severity }) {
  const [tone, text] = SEVERITY[severity];
  return (
    <Pill tone={tone} data-testid="event-severity">
      {text}
    </Pill>
  );
}
