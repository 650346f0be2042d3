import type { ReactNode } from 'react';

interface FigureProps {
  name: string;
  value: ReactNode;
  unit?: string;
  note?: ReactNode;
  alarming?: boolean;
  stale?: boolean;
  'data-testid': string;
}

/** One number that matters, with its name. */
export function Figure({ name, value, unit, note, alarming, stale, ...rest }: FigureProps) {
  const alarm = alarming ? ' figure-alarming' : '';
  return (
    <div className={`figure${alarm}${stale ? ' stale' : ''}`}>
      <div className="figure-name">{name}</div>
      <div className="figure-value" data-testid={rest['data-testid']}>
        {value}
        {unit !== undefined && <span className="figure-unit"> {unit}</span>}
      </div>
      {note !== undefined && <div className="note">{note}</div>}
    </div>
  );
}
