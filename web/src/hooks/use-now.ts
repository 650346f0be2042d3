import { useSyncExternalStore } from 'react';
import { now } from '../format/clock';

// One timer for every age on the page, so that all tick together.
const TICK_MS = 1_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let current = now();

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    timer = setInterval(() => {
      current = now();
      listeners.forEach((notify) => notify());
    }, TICK_MS);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearInterval(timer);
  };
}

function snapshot(): number {
  // Nobody ticks while nobody listens: take the clock then. Two looks at one moment see the same.
  if (listeners.size === 0 && Math.abs(now() - current) >= TICK_MS) current = now();
  return current;
}

/** Now, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, snapshot);
}
