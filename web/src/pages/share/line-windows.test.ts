import { expect, it } from 'vitest';
import { windowsOf, windowsText } from './line-windows';

it('windows are read as they are written', () => {
  const windows = windowsOf('mon-fri 08:00-18:00 up 1 down 2.5; SAT+sun  22:00-06:00 read 4');
  expect(windows).toEqual([
    {
      days: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
      from_minute: 480,
      to_minute: 1080,
      limits: {
        upload_bytes_per_s: 1_048_576,
        download_bytes_per_s: 2_621_440,
        write_bytes_per_s: 0,
        read_bytes_per_s: 0,
      },
    },
    {
      days: ['saturday', 'sunday'],
      from_minute: 1320,
      to_minute: 360,
      limits: {
        upload_bytes_per_s: 0,
        download_bytes_per_s: 0,
        write_bytes_per_s: 0,
        read_bytes_per_s: 4_194_304,
      },
    },
  ]);
  const text = windowsText(windows ?? []);
  expect(text).toBe('mon+tue+wed+thu+fri 08:00-18:00 up 1 down 2.5; sat+sun 22:00-06:00 read 4');
  expect(windowsOf(text)).toEqual(windows);
});

it('days go round the week', () => {
  expect(windowsOf('sat-mon 00:00-24:00')?.[0]?.days).toEqual(['saturday', 'sunday', 'monday']);
});

it.each(['mon', 'mon 8-9', 'xyz 08:00-09:00', 'mon 25:00-26:00', 'mon 08:00-09:60', 'mon 08:00-09:00 up 1.2.3'])(
  '“%s” cannot be read',
  (text) => {
    expect(windowsOf(text)).toBeUndefined();
  },
);

it('nothing is no window', () => {
  expect([windowsOf(''), windowsText([])]).toEqual([[], '']);
});
