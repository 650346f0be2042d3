// Time as the console sees it: ages on the page are right even if this computer's clock is not.

let skew_ms = 0;

// The `Date` header has whole seconds only, so a smaller difference means nothing.
const SKEW_MIN_MS = 2_000;

/** Learns from the `Date` header of an answer. */
export function noteServerTime(header: string | null, local = Date.now()): void {
  const server = header === null ? NaN : Date.parse(header);
  if (Number.isNaN(server)) return;
  const difference = server - local;
  skew_ms = Math.abs(difference) < SKEW_MIN_MS ? 0 : difference;
}

/** Now, by the console's clock. */
export function now(): number {
  return Date.now() + skew_ms;
}
