import { Age } from './age';
import { Banner } from './banner';

/** Says how old the numbers below are. */
export function StaleNote({ at, children }: { at: number; children: string }) {
  return (
    <Banner tone="warn" data-testid="stale-note">
      {children} What you see is from <Age at={at} data-testid="stale-age" />.
    </Banner>
  );
}
