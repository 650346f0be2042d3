import { createContext, use } from 'react';
import type { LiveState } from './stream';

export const LiveContext = createContext<LiveState>({ kind: 'connecting' });

export function useLive(): LiveState {
  return use(LiveContext);
}
