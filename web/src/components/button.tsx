import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Icon, type IconName } from './icon';

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  icon?: IconName;
  /** What is being done right now; the button waits and says it. */
  busy?: string | false;
  small?: boolean;
  children?: ReactNode;
}

export function Button({ kind = 'plain', icon, busy = false, small, children, ...rest }: ButtonProps) {
  const size = small ? ' button-small' : '';
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind}${size} ${rest.className ?? ''}`}
      disabled={rest.disabled === true || busy !== false}
      aria-busy={busy !== false}
    >
      {icon && <Icon name={icon} size={small ? 15 : 17} />}
      {busy === false ? children : busy}
    </button>
  );
}
