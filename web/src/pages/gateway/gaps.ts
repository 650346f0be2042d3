import type { Point } from '../../api/types';

// Reports come every few seconds; less than this apart, nothing was missed.
const GAP_MIN_MS = 20_000;

/** Puts an empty point where reports are missing, so that no line is drawn across. */
export function withGaps(points: Point[], step_ms: number): Point[] {
  const gap_ms = Math.max(GAP_MIN_MS, step_ms * 2.5);
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    return before !== undefined && point[0] - before[0] > gap_ms ? [[before[0] + step_ms, null], point] : [point];
  });
}
