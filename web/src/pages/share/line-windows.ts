// Times of the week with limits of their own, as they are typed: `mon-fri 08:00-18:00 up 1 down 0; sat 22:00-06:00
// read 5`, in MiB a second, where 0, or nothing, is no bound; up and down are the line, write and read the clients.

import type { ShareSettings } from '../../api/types';

export type LineWindow = ShareSettings['engine']['bandwidth']['windows'][number];
type Weekday = LineWindow['days'][number];

const MIB = 1024 ** 2;
const DAYS: readonly [string, Weekday][] = [
  ['mon', 'monday'],
  ['tue', 'tuesday'],
  ['wed', 'wednesday'],
  ['thu', 'thursday'],
  ['fri', 'friday'],
  ['sat', 'saturday'],
  ['sun', 'sunday'],
];
const WINDOW = /^([a-z+-]+) (\d\d:\d\d)-(\d\d:\d\d)(?: up ([\d.]+))?(?: down ([\d.]+))?(?: write ([\d.]+))?(?: read ([\d.]+))?$/;

export function windowsText(windows: readonly LineWindow[]): string {
  return windows.map(windowText).join('; ');
}

/** Nothing if it cannot be read. */
export function windowsOf(text: string): LineWindow[] | undefined {
  const parts = text.split(';').map((part) => part.trim().toLowerCase().replace(/\s+/g, ' '));
  const windows = parts.filter((part) => part !== '').map(windowOf);
  return windows.every((window) => window !== undefined) ? windows : undefined;
}

function windowText({ days, from_minute, to_minute, limits }: LineWindow): string {
  const names = days.map((day) => DAYS.find(([, long]) => long === day)?.[0] ?? day);
  const up = bound('up', limits.upload_bytes_per_s ?? 0);
  const down = bound('down', limits.download_bytes_per_s ?? 0);
  const write = bound('write', limits.write_bytes_per_s ?? 0);
  const read = bound('read', limits.read_bytes_per_s ?? 0);
  return `${names.join('+')} ${clock(from_minute)}-${clock(to_minute)}${up}${down}${write}${read}`;
}

function bound(name: string, bytes: number): string {
  return bytes === 0 ? '' : ` ${name} ${String(bytes / MIB)}`;
}

function windowOf(text: string): LineWindow | undefined {
  const [, names, from, to, ...bounds] = WINDOW.exec(text) ?? [];
  const days = names === undefined ? undefined : daysOf(names);
  const [from_minute, to_minute] = [minuteOf(from), minuteOf(to)];
  const [up = 0, down = 0, write = 0, read = 0] = bounds.map(bytesOf);
  if (days === undefined || from_minute === undefined || to_minute === undefined) return undefined;
  if ([up, down, write, read].some(Number.isNaN)) return undefined;
  const line = { upload_bytes_per_s: up, download_bytes_per_s: down };
  const clients = { write_bytes_per_s: write, read_bytes_per_s: read };
  return { days, from_minute, to_minute, limits: { ...line, ...clients } };
}

/** `mon`, `mon-fri`, `sat-mon`, or several with `+` between. */
function daysOf(text: string): Weekday[] | undefined {
  const days: Weekday[] = [];
  for (const range of text.split('+')) {
    const [first, last = first] = range.split('-');
    const from = DAYS.findIndex(([short]) => short === first);
    const to = DAYS.findIndex(([short]) => short === last);
    if (from < 0 || to < 0) return undefined;
    const count = ((to - from + DAYS.length) % DAYS.length) + 1;
    for (let n = 0; n < count; n += 1) {
      const day = DAYS[(from + n) % DAYS.length];
      if (day !== undefined) days.push(day[1]);
    }
  }
  return days;
}

function clock(minute: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

function minuteOf(text: string | undefined): number | undefined {
  const [hours, minutes] = (text ?? '').split(':').map(Number);
  if (hours === undefined || minutes === undefined || minutes > 59) return undefined;
  const minute = hours * 60 + minutes;
  return minute <= 24 * 60 ? minute : undefined;
}

function bytesOf(text: string | undefined): number {
  return text === undefined ? 0 : Math.round(Number(text) * MIB);
}
