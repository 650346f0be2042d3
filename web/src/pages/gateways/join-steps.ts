import type { Gateway } from '../../api/types';

export type StepState = 'done' | 'waiting' | 'later';

export interface JoinStep {
  name: 'bundle' | 'connected' | 'activated';
  state: StepState;
  title: string;
  note: string;
}

/** Where a gateway is on its way in. */
export function joinSteps(gateway: Gateway): JoinStep[] {
  // A gateway that joined before has a bundle again while it is to be replaced.
  const activated = gateway.activated_at !== null && gateway.bundle_expires_at === null;
  const connected = activated || (gateway.activated_at === null && gateway.online_since !== null);
  return [
    { name: 'bundle', state: 'done', title: 'Activation bundle made', note: 'It is good for one join.' },
    {
      name: 'connected',
      state: connected ? 'done' : 'waiting',
      title: connected ? 'Gateway connected' : 'Waiting for the gateway to connect…',
      note: connected
        ? `From ${gateway.address ?? 'its network'}, over TLS.`
        : 'Run the command at the site; it dials out on one port.',
    },
    {
      name: 'activated',
      state: activated ? 'done' : connected ? 'waiting' : 'later',
      title: activated ? 'Gateway activated' : 'Activation',
      note: activated
        ? 'The bundle is used up; the gateway has a credential of its own.'
        : 'The first credential is exchanged for one that only the gateway knows.',
    },
  ];
}
