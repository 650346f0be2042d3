import { expect, it } from 'vitest';
import type { Overview, Rates } from '../../api/types';
import { withOverview } from './throughput-history';

const rates = {} as Rates;
const overview = (at: number, known: Rates | null = rates) => ({ at, rates: known }) as Overview;

it('keeps ten minutes, in order, each moment once', () => {
  let points = withOverview([], overview(1_000));
  points = withOverview(points, overview(1_000));
  points = withOverview(points, overview(500));
  points = withOverview(points, overview(2_000, null));
  expect(points.map((point) => point.at)).toEqual([1_000]);
  points = withOverview(points, overview(601_001));
  expect(points.map((point) => point.at)).toEqual([601_001]);
});
