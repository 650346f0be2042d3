import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { formatClock, formatDate, formatTime } from '../format/time';
import { useThemeVersion } from '../hooks/use-theme-version';

export interface Line {
  name: string;
  /** Name of a colour of the design: `--chart-1`. */
  colour: string;
  points: readonly (readonly [number, number | null])[];
}

interface ChartProps {
  label: string;
  lines: Line[];
  from: number;
  to: number;
  format: (value: number) => string;
  /** The axis reaches at least this far, so that nothing does not look like much. */
  top_min?: number;
  height?: number;
  /** Distances of the lines of the grid; decimal ones if missing. */
  steps?: number[];
  /** Charts with the same name move their cursors together. */
  syncKey?: string;
}

const AXIS_WIDTH = 78;

/** Lines over time, drawn by uPlot. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  const theme = useThemeVersion();
  const names = props.lines.map((line) => line.name).join('|');

  useEffect(() => {
    latest.current = props;
    plot.current?.setData(table(props.lines));
  });

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element, latest), table(latest.current.lines), element);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: made.height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, names]);

  return <div className="chart" ref={box} role="img" aria-label={props.label} />;
}

/** Lines with points of their own become columns over all times (uPlot's form). */
function table(lines: Line[]): uPlot.AlignedData {
  const times = [...new Set(lines.flatMap((line) => line.points.map(([at]) => at)))].sort((a, b) => a - b);
  const columns = lines.map((line) => {
    const values = new Map(line.points);
    return times.map((at) => values.get(at) ?? null);
  });
  return [times.map((at) => at / 1000), ...columns];
}

function options(element: HTMLElement, latest: { current: ChartProps }): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const { lines, height = 170, steps, syncKey } = latest.current;
  const axis: uPlot.Axis = {
    stroke: colour('--text-faint'),
    font: '11px "Inter Variable", system-ui, sans-serif',
    grid: { stroke: colour('--line-soft'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    legend: { live: true, markers: { width: 0, fill: (_, index) => colour(lines[index - 1]?.colour ?? '') } },
    hooks: { setCursor: [showLatest], setData: [showLatest], ready: [showLatest] },
    cursor: {
      points: { size: 7 },
      drag: { x: false, y: false },
      ...(syncKey === undefined ? {} : { sync: { key: syncKey } }),
    },
    scales: {
      x: { time: true, range: () => [latest.current.from / 1000, latest.current.to / 1000] },
      y: { range: (_, __, top) => [0, Math.max(top * 1.1, latest.current.top_min ?? 0) || 1] },
    },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((at) => tick(at * 1000, latest.current)) },
      {
        ...axis,
        size: AXIS_WIDTH,
        ...(steps === undefined ? {} : { incrs: steps }),
        values: (_, ticks) => ticks.map((value) => latest.current.format(value)),
      },
    ],
    series: [
      { label: 'Time', value: (_, at) => (at == null ? '' : formatTime(at * 1000)) },
      ...lines.map((line): uPlot.Series => ({
        label: line.name,
        stroke: colour(line.colour),
        fill: `color-mix(in srgb, ${colour(line.colour)} 12%, transparent)`,
        width: 1.75,
        points: { show: false },
        value: (_, value) => (value == null ? '–' : latest.current.format(value)),
      })),
    ],
  };
}

const DAY_MS = 24 * 60 * 60_000;
// In a window this short several ticks fall into one minute.
const SECONDS_SHOWN_MS = 10 * 60_000;

/** While nobody points at a moment, the legend shows the newest values. */
function showLatest(plot: uPlot): void {
  if (plot.cursor.idx == null) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

function tick(at: number, { from, to }: ChartProps): string {
  if (to - from > 2 * DAY_MS) return formatDate(at).slice(5);
  return to - from > SECONDS_SHOWN_MS ? formatClock(at).slice(0, 5) : formatClock(at);
}
