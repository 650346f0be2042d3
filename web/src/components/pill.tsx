import type { ReactNode } from 'react';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'idle';

interface PillProps {
  tone: Tone;
  children: ReactNode;
  title?: string;
  'data-testid'?: string;
}

/** A state in words; its colour only helps. */
export function Pill({ tone, children, title, ...rest }: PillProps) {
  return (
    <span className={`pill pill-${tone}`} title={title} data-testid={rest['data-testid']}>
      <span className="pill-dot" aria-hidden="true" />
      {children}
    </span>
  );
}
