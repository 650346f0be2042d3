import { expect, it } from 'vitest';
import { withGaps } from './gaps';

it('a line is not drawn across the time when nobody reported', () => {
  const points = withGaps([[0, 1], [5_000, 2], [90_000, 3]], 3_000);
  expect(points).toEqual([[0, 1], [5_000, 2], [8_000, null], [90_000, 3]]);
});

it('wide steps are no gaps', () => {
  const points = withGaps([[0, 1], [2_000_000, 2]], 2_000_000);
  expect(points).toEqual([[0, 1], [2_000_000, 2]]);
});
