import type { Gateway } from '../../api/types';
import { Age } from '../../components/age';

export function SeenCell({ gateway }: { gateway: Gateway }) {
  if (gateway.last_seen_at === null) return <span className="faint">never</span>;
  return <Age at={gateway.last_seen_at} data-testid="gateway-last-seen" />;
}
