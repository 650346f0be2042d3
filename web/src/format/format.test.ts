import { describe, expect, it } from 'vitest';
import { formatBytes, formatRate } from './bytes';
import { formatAge, formatDuration, formatSpan } from './duration';
import { noteServerTime, now } from './clock';
import { formatRatio, plural } from './number';
import { formatTime } from './time';

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1.00 KiB'],
    [10_230, '9.99 KiB'],
    [10_240, '10.0 KiB'],
    [102_400, '100 KiB'],
    [1023 * 1024, '1.00 MiB'],
    [5 * 1024 ** 4, '5.00 TiB'],
    [-5, '0 B'],
  ])('%d reads %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('has no rate until two reports are there', () => {
    expect(formatRate(null)).toBe('–');
    expect(formatRate(2048)).toBe('2.00 KiB/s');
  });
});

describe('time', () => {
  it.each([
    [0, '0 ms'],
    [349.6, '350 ms'],
    [4_210, '4.2 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [192_000, '3 min 12 s'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
  ])('%d ms last %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it('counts ages up and the time left down', () => {
    expect(formatAge(10_000, 10_400)).toBe('just now');
    expect(formatAge(10_000, 22_000)).toBe('12 s ago');
    expect(formatAge(310_000, 10_000)).toBe('in 5 min');
    expect(formatSpan(-1)).toBe('0 s');
  });

  it('writes a moment so that every country reads the same', () => {
    expect(formatTime(new Date(2026, 10, 3, 4, 5, 6).getTime())).toBe('2026-11-03 04:05:06');
  });

  it('follows the clock of the console only when the difference is real', () => {
    noteServerTime(new Date(Date.now() + 60_000).toUTCString());
    expect(now() - Date.now()).toBeGreaterThan(55_000);
    noteServerTime(new Date().toUTCString());
    expect(Math.abs(now() - Date.now())).toBeLessThan(2_000);
  });
});

describe('numbers', () => {
  it('counts in words', () => {
    expect(plural(1, 'file')).toBe('1 file');
    expect(plural(12_345, 'file')).toBe('12,345 files');
    expect(formatRatio(0.934)).toBe('93 %');
    expect(formatRatio(0.004)).toBe('0.4 %');
  });
});
