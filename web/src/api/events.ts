import { encode } from './client';
import { keys } from './keys';
import { usePagedList } from './list';
import type { GatewayEvent } from './types';

export function useEvents(gateway: string) {
  return usePagedList<GatewayEvent>({
    key: keys.events(gateway),
    path: `gateways/${encode(gateway)}/events`,
  });
}
