import { hashKey, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { keys } from '../../api/keys';
import type { Overview, Rates } from '../../api/types';

const KEPT_MS = 10 * 60_000;
const OVERVIEW_HASH = hashKey(keys.overview);

export interface ThroughputPoint {
  at: number;
  rates: Rates;
}

let history: ThroughputPoint[] = [];

/** Adds what an overview says; forgets what is old. Pure but for `history` of the caller. */
export function withOverview(known: ThroughputPoint[], overview: Overview): ThroughputPoint[] {
  const last = known.at(-1);
  if (overview.rates === null || (last && overview.at <= last.at)) return known;
  const oldest = overview.at - KEPT_MS;
  return [...known.filter((point) => point.at >= oldest), { at: overview.at, rates: overview.rates }];
}

/** Rates of the fleet since this page was opened, ten minutes at most. */
export function useThroughputHistory(): ThroughputPoint[] {
  const cache = useQueryClient();
  const [points, setPoints] = useState(history);
  useEffect(() => {
    const take = () => {
      const overview = cache.getQueryData<Overview>(keys.overview);
      if (!overview) return;
      history = withOverview(history, overview);
      setPoints(history);
    };
    take();
    return cache.getQueryCache().subscribe(({ query }) => {
      if (query.queryHash === OVERVIEW_HASH) take();
    });
  }, [cache]);
  return points;
}
