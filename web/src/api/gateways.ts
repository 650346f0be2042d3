import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { encode, request } from './client';
import { keys } from './keys';
import { fetchWholeList } from './list';
import type { Bundle, Gateway, Location, NewGateway } from './types';

const path = (id: string) => `gateways/${encode(id)}`;

export function useGateways() {
  return useQuery({
    queryKey: keys.gateways,
    queryFn: ({ signal }) => fetchWholeList<Gateway>('gateways', signal),
  });
}

export function useGateway(id: string) {
  const cache = useQueryClient();
  return useQuery<Gateway>({
    queryKey: keys.gateway(id),
    queryFn: ({ signal }) => request<Gateway>('GET', path(id), { signal }),
    // The list may know it already: show that at once.
    placeholderData: () =>
      cache.getQueryData<Gateway[]>(keys.gateways)?.find((gateway) => gateway.id === id),
  });
}

/** Names of gateways by id, as far as the list is known. */
export function useGatewayNames(): (id: string) => string {
  const { data } = useGateways();
  return (id) => data?.find((gateway) => gateway.id === id)?.name ?? id;
}

export function useCreateGateway() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; location: Location }) =>
      request<NewGateway>('POST', 'gateways', { body }),
    onSuccess: ({ gateway }) => {
      cache.setQueryData(keys.gateway(gateway.id), gateway);
      return cache.invalidateQueries({ queryKey: keys.gateways });
    },
  });
}

export function useNewBundle(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => request<Bundle>('POST', `${path(id)}/bundle`),
    onSuccess: ({ expires_at }) =>
      cache.setQueryData<Gateway>(
        keys.gateway(id),
        (known) => known && { ...known, bundle_expires_at: expires_at },
      ),
  });
}

export function useRenameGateway(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request<Gateway>('PATCH', path(id), { body: { name } }),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.gateway(id) }),
        cache.invalidateQueries({ queryKey: keys.gateways }),
      ]),
  });
}

export function useDeleteGateway(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ force }: { force: boolean }) =>
      request('DELETE', path(id), { query: { force: force || undefined } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.gateways }),
  });
}
