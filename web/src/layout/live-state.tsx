import { formatSpan } from '../format/duration';
import { useNow } from '../hooks/use-now';
import { useLive } from '../live/live-context';
import { Pill } from '../components/pill';

/** Whether what the pages show is live, in words. */
export function LiveState() {
  const live = useLive();
  const current = useNow();
  switch (live.kind) {
    case 'connecting':
      return (
        <Pill tone="info" data-testid="live-state">
          Connecting…
        </Pill>
      );
    case 'live':
      return (
        <Pill tone="good" data-testid="live-state" title="Changes appear by themselves">
          Live
        </Pill>
      );
    case 'reconnecting':
      return (
        <Pill tone="warn" data-testid="live-state" title="The pages show what was known then">
          Reconnecting, no news for {formatSpan(current - live.since)}
        </Pill>
      );
  }
}
