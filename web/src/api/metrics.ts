import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { encode, request } from './client';
import { keys } from './keys';
import { now } from '../format/clock';
import type { Metrics } from './types';

export const RANGES = {
  '15m': { label: '15 min', span_ms: 15 * 60_000, refresh_ms: 5_000 },
  '1h': { label: '1 h', span_ms: 60 * 60_000, refresh_ms: 10_000 },
  '24h': { label: '24 h', span_ms: 24 * 60 * 60_000, refresh_ms: 60_000 },
  '7d': { label: '7 d', span_ms: 7 * 24 * 60 * 60_000, refresh_ms: 300_000 },
} as const;

export type RangeName = keyof typeof RANGES;

export function useMetrics(gateway: string, share: string | undefined, range: RangeName) {
  const { span_ms, refresh_ms } = RANGES[range];
  return useQuery({
    queryKey: keys.metrics(gateway, share, range),
    queryFn: ({ signal }) => {
      const to = Math.round(now());
      return request<Metrics>('GET', `gateways/${encode(gateway)}/metrics`, {
        query: { from: to - span_ms, to, share },
        signal,
      });
    },
    refetchInterval: refresh_ms,
    placeholderData: keepPreviousData,
  });
}
