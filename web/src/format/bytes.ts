const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `0 B`, `1.50 KiB`, `12.3 GiB`: three digits, binary units. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaleBytes(bytes);
  return `${value} ${unit}`;
}

/** The number and its unit apart, for big figures. */
export function scaleBytes(bytes: number): { value: string; unit: string } {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 999.5 would be shown as 1000 by rounding: move on to the next unit before.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return { value: unit === 0 ? String(Math.round(value)) : threeDigits(value), unit: UNITS[unit] ?? '' };
}

export function formatRate(bytes_per_s: number | null | undefined): string {
  return bytes_per_s == null ? '–' : `${formatBytes(bytes_per_s)}/s`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
