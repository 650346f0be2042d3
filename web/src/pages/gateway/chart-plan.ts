// Which series of the API are drawn together, and how their values read.

import { BYTE_STEPS, TIME_STEPS } from '../../components/chart-steps';
import { formatBytes, formatRate } from '../../format/bytes';
import { formatDuration } from '../../format/duration';
import { formatCount, formatRatio } from '../../format/number';

export interface ChartPlan {
  name: string;
  title: string;
  lines: { series: string; name: string }[];
  format: (value: number) => string;
  steps?: number[];
  top_min: number;
  /** Figures of the whole gateway; a share has none. */
  gatewayOnly?: boolean;
}

const MIB = 1024 * 1024;
const bytes = { format: formatBytes, steps: BYTE_STEPS, top_min: MIB };
const rates = { format: formatRate, steps: BYTE_STEPS, top_min: MIB };
const times = { format: formatDuration, steps: TIME_STEPS };
const counts = { format: formatCount, top_min: 4 };
const ratios = { format: formatRatio, top_min: 1 };

export const CHARTS: ChartPlan[] = [
  { name: 'dirty', title: 'Unprotected data', lines: [{ series: 'dirty_bytes', name: 'Unprotected' }], ...bytes },
  {
    name: 'age',
    title: 'Age of the oldest unprotected byte',
    lines: [{ series: 'oldest_dirty_age_ms', name: 'Age' }],
    ...times,
    top_min: 10_000,
  },
  {
    name: 'clients',
    title: 'Clients',
    lines: [
      { series: 'write_bytes_per_s', name: 'Written' },
      { series: 'read_bytes_per_s', name: 'Read' },
    ],
    ...rates,
  },
  {
    name: 'store',
    title: 'Object store',
    lines: [
      { series: 'upload_bytes_per_s', name: 'Uploaded' },
      { series: 'download_bytes_per_s', name: 'Downloaded' },
    ],
    ...rates,
  },
  {
    name: 'queue',
    title: 'Upload queue',
    lines: [
      { series: 'upload_queue', name: 'Waiting' },
      { series: 'uploads_failing', name: 'Failing' },
    ],
    ...counts,
  },
  { name: 'cache', title: 'Data on the cache disk', lines: [{ series: 'cache_used_bytes', name: 'Used' }], ...bytes },
  {
    name: 'hits',
    title: 'Reads answered from the cache disk',
    lines: [{ series: 'hit_ratio', name: 'Hits' }],
    ...ratios,
  },
  { name: 'inodes', title: 'Files and directories', lines: [{ series: 'inodes', name: 'Known' }], ...counts },
  {
    name: 'round-trip',
    title: 'Round trip to the gateway',
    lines: [{ series: 'round_trip_ms', name: 'Round trip' }],
    ...times,
    top_min: 20,
    gatewayOnly: true,
  },
  {
    name: 'disk',
    title: 'Free room on the cache disk',
    lines: [{ series: 'cache_disk_free_bytes', name: 'Free' }],
    ...bytes,
    gatewayOnly: true,
  },
  {
    name: 'cpu',
    title: 'CPU',
    lines: [{ series: 'cpu_ratio', name: 'CPU' }],
    ...ratios,
    gatewayOnly: true,
  },
  {
    name: 'memory',
    title: 'Memory',
    lines: [{ series: 'memory_bytes', name: 'Resident' }],
    ...bytes,
    gatewayOnly: true,
  },
];
