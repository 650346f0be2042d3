import { Card } from '../../components/card';
import { Chart, type Line } from '../../components/chart';
import { BYTE_STEPS } from '../../components/chart-steps';
import type { Rates } from '../../api/types';
import { formatRate } from '../../format/bytes';
import { useThroughputHistory, type ThroughputPoint } from './throughput-history';

const SPAN_MAX_MS = 10 * 60_000;
// A wider window than there is to show would look empty, a narrower one restless.
const SPAN_MIN_MS = 60_000;
const MIB = 1024 * 1024;

const LINES: { name: string; rate: keyof Rates; colour: string }[] = [
  { name: 'Written by clients', rate: 'write_bytes_per_s', colour: '--chart-2' },
  { name: 'Uploaded', rate: 'upload_bytes_per_s', colour: '--chart-1' },
];

/** What flows through the fleet right now. */
export function ThroughputCard() {
  const points = useThroughputHistory();
  const first = points[0]?.at ?? 0;
  const to = points.at(-1)?.at ?? 0;
  return (
    <Card title="Throughput of the fleet" note="Since this page was opened, ten minutes at most." data-testid="throughput">
      {points.length < 2 ? (
        <p className="note chart-waiting">Two reports are needed for a rate; the first line appears in seconds.</p>
      ) : (
        <Chart
          label="Throughput of the fleet"
          lines={LINES.map((line) => toLine(line, points))}
          from={Math.max(to - SPAN_MAX_MS, Math.min(first, to - SPAN_MIN_MS))}
          to={to}
          format={formatRate}
          steps={BYTE_STEPS}
          top_min={MIB}
          height={190}
        />
      )}
    </Card>
  );
}

function toLine(line: (typeof LINES)[number], points: ThroughputPoint[]): Line {
  return {
    name: line.name,
    colour: line.colour,
    points: points.map(({ at, rates }) => [at, rates[line.rate]] as const),
  };
}
