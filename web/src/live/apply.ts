// Writes live items into the query cache. Only what some page has asked for before is kept.

import type { QueryClient } from '@tanstack/react-query';
import { keys } from '../api/keys';
import type { Pages } from '../api/list';
import type { AuditEntry, Command, Gateway, GatewayEvent, Share } from '../api/types';
import type { LiveItem } from './item';
import { upsert, upsertNewest, without } from './upsert';

const byId = (item: { id: unknown }) => item.id;
const byName = (share: Share) => share.settings.name;

export function applyItem(cache: QueryClient, item: LiveItem): void {
  switch (item.kind) {
    case 'gateway':
      return applyGateway(cache, item.gateway);
    case 'gateway_deleted':
      cache.setQueryData<Gateway[]>(keys.gateways, (known) => known && without(known, byId, item.id));
      void cache.invalidateQueries({ queryKey: keys.gateway(item.id) });
      return;
    case 'share':
      return applyShare(cache, item.gateway_id, item.share);
    case 'share_deleted':
      cache.setQueryData<Share[]>(
        keys.shares(item.gateway_id),
        (known) => known && without(known, byName, item.name),
      );
      void cache.invalidateQueries({ queryKey: keys.share(item.gateway_id, item.name) });
      return;
    case 'command':
      return applyCommand(cache, item.command);
    case 'event':
      return updatePages<GatewayEvent>(cache, keys.events(item.event.gateway_id), item.event);
    case 'audit':
      return updatePages<AuditEntry>(cache, keys.audit, item.entry);
    case 'reset':
      void cache.invalidateQueries();
  }
}

function applyGateway(cache: QueryClient, gateway: Gateway): void {
  cache.setQueryData<Gateway[]>(keys.gateways, (known) => known && upsert(known, gateway, byId));
  cache.setQueryData<Gateway>(keys.gateway(gateway.id), (known) => known && gateway);
}

function applyShare(cache: QueryClient, gateway: string, share: Share): void {
  cache.setQueryData<Share[]>(keys.shares(gateway), (known) => known && upsert(known, share, byName));
  cache.setQueryData<Share>(keys.share(gateway, byName(share)), (known) => known && share);
}

function applyCommand(cache: QueryClient, command: Command): void {
  // Kept even if no page asked yet: a page that just issued it is about to.
  cache.setQueryData<Command>(keys.command(command.id), command);
  updatePages<Command>(cache, keys.commands(undefined), command);
  updatePages<Command>(cache, keys.commands(command.gateway_id), command);
}

function updatePages<T extends { id: unknown }>(
  cache: QueryClient,
  key: readonly string[],
  item: T,
): void {
  cache.setQueryData<Pages<T>>(key, (known) => known && upsertNewest(known, item, byId));
}
