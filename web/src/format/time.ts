const two = (n: number) => String(n).padStart(2, '0');

/** `2026-11-23 14:05:09` in the reader's time zone. */
export function formatTime(at: number): string {
  return `${formatDate(at)} ${formatClock(at)}`;
}

export function formatDate(at: number): string {
  const time = new Date(at);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

export function formatClock(at: number): string {
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
