import { Link } from 'react-router';
import type { Gateway } from '../../api/types';
import { Age } from '../../components/age';
import { Card } from '../../components/card';
import { Icon } from '../../components/icon';
import { useNow } from '../../hooks/use-now';
import { matters, type Matter } from './attention';

const SHOWN_MAX = 6;

export function AttentionCard({ gateways }: { gateways: Gateway[] }) {
  const found = matters(gateways, useNow());
  return (
    <Card title="Needs attention" data-testid="attention">
      {found.length === 0 ? (
        <p className="all-well" data-testid="attention-none">
          <Icon name="check" /> Nothing. Every gateway is there and every share is served.
        </p>
      ) : (
        <ul className="matters">
          {found.slice(0, SHOWN_MAX).map((matter) => (
            <MatterRow key={`${matter.gateway.id} ${matter.text}`} matter={matter} />
          ))}
        </ul>
      )}
      {found.length > SHOWN_MAX && <p className="note">and {found.length - SHOWN_MAX} more</p>}
    </Card>
  );
}

function MatterRow({ matter }: { matter: Matter }) {
  const { gateway, tone, text, since } = matter;
  return (
    <li className={`matter matter-${tone}`} data-testid="attention-item">
      <Icon name="alert" size={16} />
      <div>
        <Link to={`/gateways/${gateway.id}`} className="strong">
          {gateway.name}
        </Link>
        <p className="note">
          {text}
          {since !== null && (
            <>
              {', '}
              <Age at={since} />
            </>
          )}
        </p>
      </div>
    </li>
  );
}
