import { NavLink } from 'react-router';
import { useCan } from '../api/session';
import { Icon, type IconName } from '../components/icon';
import { Logo } from './logo';

interface Destination {
  to: string;
  text: string;
  icon: IconName;
  testid: string;
}

const FLEET: Destination[] = [
  { to: '/', text: 'Overview', icon: 'overview', testid: 'nav-overview' },
  { to: '/gateways', text: 'Gateways', icon: 'gateway', testid: 'nav-gateways' },
  { to: '/commands', text: 'Commands', icon: 'command', testid: 'nav-commands' },
];

const AUDIT: Destination = { to: '/audit', text: 'Audit log', icon: 'audit', testid: 'nav-audit' };

export function Navigation() {
  const administer = useCan('administer');
  const audit = useCan('audit');
  const account: Destination[] = [
    ...(audit ? [AUDIT] : []),
    { to: '/users', text: administer ? 'Users' : 'Account', icon: 'user', testid: 'nav-users' },
  ];
  return (
    <nav className="navigation" aria-label="Main">
      <Logo />
      <Destinations title="Fleet" items={FLEET} />
      <Destinations title="Administration" items={account} />
    </nav>
  );
}

function Destinations({ title, items }: { title: string; items: Destination[] }) {
  return (
    <>
      <p className="navigation-title">{title}</p>
      <ul>
        {items.map(({ to, text, icon, testid }) => (
          <li key={to}>
            <NavLink to={to} end={to === '/'} data-testid={testid}>
              <Icon name={icon} />
              <span>{text}</span>
            </NavLink>
          </li>
        ))}
      </ul>
    </>
  );
}
