import type { ReactNode } from 'react';
import { Icon, type IconName } from './icon';

interface EmptyProps {
  icon: IconName;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

/** Nothing here yet, and how that changes. */
export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <div className="empty" data-testid="empty">
      <span className="empty-icon">
        <Icon name={icon} size={26} />
      </span>
      <h3>{title}</h3>
      <p>{children}</p>
      {action}
    </div>
  );
}
