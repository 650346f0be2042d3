import { createContext, use } from 'react';

export type Notice =
  | { kind: 'done'; text: string }
  | { kind: 'problem'; error: Error }
  /** Follows a command until it has an outcome. */
  | { kind: 'command'; id: string };

export const NoticeContext = createContext<(notice: Notice) => void>(() => undefined);

/** Tells the reader what became of what they did, wherever they go next. */
export function useNotify(): (notice: Notice) => void {
  return use(NoticeContext);
}
