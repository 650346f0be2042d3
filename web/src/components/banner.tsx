import type { ReactNode } from 'react';
import { Icon, type IconName } from './icon';
import type { Tone } from './pill';

const ICONS: Record<Tone, IconName> = {
  good: 'check',
  warn: 'alert',
  bad: 'alert',
  info: 'clock',
  idle: 'clock',
};

interface BannerProps {
  tone: Tone;
  children: ReactNode;
  action?: ReactNode;
  'data-testid'?: string;
}

export function Banner({ tone, children, action, ...rest }: BannerProps) {
  return (
    <div className={`banner banner-${tone}`} role="status" data-testid={rest['data-testid']}>
      <Icon name={ICONS[tone]} />
      <div className="banner-text">{children}</div>
      {action}
    </div>
  );
}
