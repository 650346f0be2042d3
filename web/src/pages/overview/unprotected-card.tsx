import { Link } from 'react-router';
import type { Gateway } from '../../api/types';
import { Card } from '../../components/card';
import { Icon } from '../../components/icon';
import { Meter } from '../../components/meter';
import { formatBytes } from '../../format/bytes';
import { dirtyBytes } from '../gateways/gateway-figures';

const SHOWN_MAX = 6;

/** Where the data is that only a gateway has. */
export function UnprotectedCard({ gateways }: { gateways: Gateway[] }) {
  const ranked = gateways
    .map((gateway) => ({ gateway, bytes: dirtyBytes(gateway) ?? 0 }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, SHOWN_MAX);
  const most = ranked[0]?.bytes ?? 0;
  return (
    <Card title="Unprotected data by gateway">
      {ranked.length === 0 ? (
        <p className="all-well">
          <Icon name="check" /> None. Everything is in the object store.
        </p>
      ) : (
        <ul className="bars">
          {ranked.map(({ gateway, bytes }) => (
            <li key={gateway.id}>
              <Link to={`/gateways/${gateway.id}`}>{gateway.name}</Link>
              <span className={gateway.state === 'online' ? 'number' : 'number stale'}>{formatBytes(bytes)}</span>
              <Meter value={bytes} max={most * 1.12} label={`${gateway.name}: ${formatBytes(bytes)}`} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
