import { useState } from 'react';
import { RANGES, useMetrics, type RangeName } from '../../api/metrics';
import { useShares } from '../../api/shares';
import type { Metrics } from '../../api/types';
import { Card } from '../../components/card';
import { Chart, type Line } from '../../components/chart';
import { Empty } from '../../components/empty';
import { Loading } from '../../components/loading';
import { Problem } from '../../components/problem';
import { Segments } from '../../components/segments';
import { CHARTS, type ChartPlan } from './chart-plan';
import { withGaps } from './gaps';

const RANGE_OPTIONS = Object.entries(RANGES).map(([name, { label }]) => [name as RangeName, label] as const);

interface MetricsPanelProps {
  gateway_id: string;
  /** Only this share. */
  share?: string;
  /** Offers to choose one. */
  pickShare?: boolean;
}

/** How the figures were over time. */
export function MetricsPanel({ gateway_id, share, pickShare }: MetricsPanelProps) {
  const [range, setRange] = useState<RangeName>('15m');
  const [picked, setPicked] = useState('');
  const chosen = share ?? (picked === '' ? undefined : picked);
  const { data, error, isPlaceholderData } = useMetrics(gateway_id, chosen, range);
  const plans = CHARTS.filter((plan) => chosen === undefined || plan.gatewayOnly !== true);
  return (
    <section data-testid="metrics" aria-label="Metrics over time">
      <div className="toolbar">
        {pickShare && <SharePicker gateway_id={gateway_id} value={picked} onChange={setPicked} />}
        <span className="spacer" />
        <Segments label="Range" value={range} options={RANGE_OPTIONS} onChange={setRange} testid="metrics-range" />
      </div>
      {error && <Problem error={error} />}
      {!data && !error && <Loading what="Reading the history…" />}
      {data && (hasPoints(data) ? <Charts plans={plans} data={data} waiting={isPlaceholderData} /> : <NoHistory />)}
    </section>
  );
}

interface SharePickerProps {
  gateway_id: string;
  value: string;
  onChange: (share: string) => void;
}

function SharePicker({ gateway_id, value, onChange }: SharePickerProps) {
  const { data: shares = [] } = useShares(gateway_id);
  return (
    <label className="inline-label">
      Show
      <select value={value} onChange={(event) => onChange(event.target.value)} data-testid="metrics-share">
        <option value="">the whole gateway</option>
        {shares.map(({ settings }) => (
          <option key={settings.name} value={settings.name}>
            share {settings.name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface ChartsProps {
  plans: ChartPlan[];
  data: Metrics;
  waiting: boolean;
}

function Charts({ plans, data, waiting }: ChartsProps) {
  return (
    <div className={waiting ? 'charts stale' : 'charts'}>
      {plans.map((plan) => (
        <Card key={plan.name} title={plan.title} data-testid={`chart-${plan.name}`}>
          <Chart
            label={plan.title}
            lines={lines(plan, data)}
            from={data.from}
            to={data.to}
            format={plan.format}
            steps={plan.steps}
            top_min={plan.top_min}
            syncKey="metrics"
          />
        </Card>
      ))}
    </div>
  );
}

function lines(plan: ChartPlan, data: Metrics): Line[] {
  return plan.lines.map(({ series, name }, index) => ({
    name,
    colour: `--chart-${index + 1}`,
    points: withGaps(data.series[series] ?? [], data.step),
  }));
}

function hasPoints(data: Metrics): boolean {
  return Object.values(data.series).some((points) => points !== undefined && points.length > 0);
}

function NoHistory() {
  return (
    <Empty icon="clock" title="No history in this time">
      A gateway reports every few seconds while it is online. Come back in a minute, or choose a longer range.
    </Empty>
  );
}
