import { formatAge } from '../format/duration';
import { formatTime } from '../format/time';
import { useNow } from '../hooks/use-now';

/** A moment as an age that ticks; the moment itself is in the tool tip. */
export function Age({ at, ...rest }: { at: number; 'data-testid'?: string }) {
  const current = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={formatTime(at)} data-testid={rest['data-testid']}>
      {formatAge(at, current)}
    </time>
  );
}
