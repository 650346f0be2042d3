import { useQuery } from '@tanstack/react-query';
import { request } from './client';
import { keys } from './keys';
import type { Overview } from './types';

const REFRESH_MS = 5_000;

export function useOverview() {
  return useQuery({
    queryKey: keys.overview,
    queryFn: ({ signal }) => request<Overview>('GET', 'overview', { signal }),
    refetchInterval: REFRESH_MS,
  });
}
