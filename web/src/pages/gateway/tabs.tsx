import { Link } from 'react-router';

export const TABS = [
  ['shares', 'Shares'],
  ['metrics', 'Metrics'],
  ['events', 'Events'],
  ['commands', 'Commands'],
] as const;

export type TabName = (typeof TABS)[number][0];

/** Each part has an address of its own, so these are links. */
export function Tabs({ gateway_id, current }: { gateway_id: string; current: TabName }) {
  return (
    <nav className="tabs" aria-label="Parts of this gateway">
      {TABS.map(([name, text]) => (
        <Link
          key={name}
          to={name === 'shares' ? `/gateways/${gateway_id}` : `/gateways/${gateway_id}/${name}`}
          aria-current={name === current ? 'page' : undefined}
          data-testid={`tab-${name}`}
        >
          {text}
        </Link>
      ))}
    </nav>
  );
}
