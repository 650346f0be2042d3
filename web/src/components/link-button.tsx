import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Icon, type IconName } from './icon';

interface LinkButtonProps {
  to: string;
  kind?: 'primary' | 'plain';
  icon?: IconName;
  children: ReactNode;
  'data-testid': string;
}

/** Looks like a button and leads to a page. */
export function LinkButton({ to, kind = 'plain', icon, children, ...rest }: LinkButtonProps) {
  return (
    <Link to={to} className={`button button-${kind}`} data-testid={rest['data-testid']}>
      {icon && <Icon name={icon} size={17} />}
      {children}
    </Link>
  );
}
