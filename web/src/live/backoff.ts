const FIRST_MS = 500;
const LAST_MS = 15_000;

/** Time to wait before attempt `attempt` (from 0). `random` in [0, 1) spreads many pages out. */
export function backoff(attempt: number, random: number): number {
  const ceiling = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
