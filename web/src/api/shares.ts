import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { encode, request } from './client';
import { keys } from './keys';
import { fetchWholeList } from './list';
import type { Check, Share, ShareDraft } from './types';

const listPath = (gateway: string) => `gateways/${encode(gateway)}/shares`;
const sharePath = (gateway: string, name: string) => `${listPath(gateway)}/${encode(name)}`;

export function useShares(gateway: string) {
  return useQuery({
    queryKey: keys.shares(gateway),
    queryFn: ({ signal }) => fetchWholeList<Share>(listPath(gateway), signal),
  });
}

export function useShare(gateway: string, name: string) {
  const cache = useQueryClient();
  return useQuery<Share>({
    queryKey: keys.share(gateway, name),
    queryFn: ({ signal }) => request<Share>('GET', sharePath(gateway, name), { signal }),
    placeholderData: () =>
      cache.getQueryData<Share[]>(keys.shares(gateway))?.find((share) => share.settings.name === name),
  });
}

/** Asks the console to check a draft; nothing is changed. */
export function useCheckShare(gateway: string, replaces: string | undefined) {
  return useMutation({
    mutationFn: (draft: ShareDraft) =>
      request<{ checks: Check[] }>('POST', `${listPath(gateway)}/check`, { body: draft, query: { replaces } }),
  });
}

/** Creates a share, or replaces the one named. */
export function useStoreShare(gateway: string, replaces: string | undefined) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (draft: ShareDraft) =>
      replaces === undefined
        ? request<Share>('POST', listPath(gateway), { body: draft })
        : request<Share>('PUT', sharePath(gateway, replaces), { body: draft }),
    onSuccess: (_, draft) => refetch(cache, gateway, draft.name),
  });
}

/** What comes back is null, or the share as long as its gateway has something of it to upload. */
export function useDeleteShare(gateway: string, name: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ force, forget_key, give_up }: { force: boolean; forget_key: boolean; give_up: boolean }) =>
      request<Share | null>('DELETE', sharePath(gateway, name), {
        query: { force: force || undefined, forget_key: forget_key || undefined, give_up: give_up || undefined },
      }),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.shares(gateway) }),
  });
}

/** The key that the gateway encrypts with; the audit log says who asked for it. */
export function useExportKey(gateway: string, name: string) {
  return useMutation({
    mutationFn: () => request<{ key: string; key_id: string }>('POST', `${sharePath(gateway, name)}/key`),
  });
}

function refetch(cache: ReturnType<typeof useQueryClient>, gateway: string, name: string) {
  return Promise.all([
    cache.invalidateQueries({ queryKey: keys.shares(gateway) }),
    cache.invalidateQueries({ queryKey: keys.share(gateway, name) }),
  ]);
}
