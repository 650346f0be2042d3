import { expect, it } from 'vitest';
import type { Gateway } from '../../api/types';
import { joinSteps } from './join-steps';

const states = (gateway: Partial<Gateway>) =>
  joinSteps({ bundle_expires_at: null, activated_at: null, online_since: null, address: null, ...gateway } as Gateway).map(
    (step) => step.state,
  );

it('a gateway comes in step by step', () => {
  expect(states({})).toEqual(['done', 'waiting', 'later']);
  expect(states({ online_since: 5, bundle_expires_at: 9 })).toEqual(['done', 'done', 'waiting']);
  expect(states({ online_since: 5, activated_at: 6 })).toEqual(['done', 'done', 'done']);
});

it('a new bundle for a gateway that joined before waits for a new join', () => {
  expect(states({ online_since: 5, activated_at: 6, bundle_expires_at: 9 })).toEqual(['done', 'waiting', 'later']);
});

it('a gateway that was activated and left again still counts as connected', () => {
  expect(states({ activated_at: 6 })).toEqual(['done', 'done', 'done']);
});
