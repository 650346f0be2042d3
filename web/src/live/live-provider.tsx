import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type ReactNode } from 'react';
import { keys } from '../api/keys';
import { applyItem } from './apply';
import { Batch } from './batch';
import { readItem, type LiveItem } from './item';
import { LiveContext } from './live-context';
import { LiveStream, type LiveState } from './stream';

// A browser has six connections per host over HTTP/1.1; hidden pages give theirs back.
const HIDDEN_MAX_MS = 60_000;

/** Keeps the query cache up to date while somebody is logged in. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [state, setState] = useState<LiveState>({ kind: 'connecting' });

  useEffect(() => {
    const refetchAll = () => void cache.invalidateQueries();
    const batch = new Batch<LiveItem>((items) => {
      if (items === 'overflow') refetchAll();
      else items.forEach((item) => applyItem(cache, item));
    });
    const stream = new LiveStream('/api/v1/stream', {
      state: setState,
      opened: refetchAll,
      event: (event) => {
        const item = readItem(event);
        if (item) batch.push(item);
      },
      unauthenticated: () => cache.setQueryData(keys.me, null),
    });
    stream.start();
    const unwatch = watchVisibility(stream);
    return () => {
      unwatch();
      stream.stop();
      batch.stop();
    };
  }, [cache]);

  return <LiveContext value={state}>{children}</LiveContext>;
}

function watchVisibility(stream: LiveStream): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let paused = false;
  const changed = () => {
    clearTimeout(timer);
    if (document.visibilityState === 'hidden') {
      timer = setTimeout(() => {
        paused = true;
        stream.stop();
      }, HIDDEN_MAX_MS);
    } else if (paused) {
      paused = false;
      stream.start();
    }
  };
  document.addEventListener('visibilitychange', changed);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', changed);
  };
}
