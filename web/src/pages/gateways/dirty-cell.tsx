import type { Gateway } from '../../api/types';
import { formatBytes } from '../../format/bytes';
import { formatSpan } from '../../format/duration';
import { useNow } from '../../hooks/use-now';
import { dirtyBytes, isStale, oldestDirtyAge } from './gateway-figures';

/** Unprotected bytes of a gateway; grey if it is not there to tell. */
export function DirtyCell({ gateway }: { gateway: Gateway }) {
  const current = useNow();
  const bytes = dirtyBytes(gateway);
  if (bytes === null) return <span className="faint">–</span>;
  const age = oldestDirtyAge(gateway) ?? 0;
  return (
    <span className={isStale(gateway, current) ? 'stale' : undefined} data-testid="gateway-dirty">
      {formatBytes(bytes)}
      {bytes > 0 && <span className="cell-note">oldest {formatSpan(age)}</span>}
    </span>
  );
}
