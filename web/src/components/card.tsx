import { useId, type ReactNode } from 'react';

interface CardProps {
  title?: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
  flush?: boolean;
  children: ReactNode;
  'data-testid'?: string;
}

/** A titled box. `flush` lets a table reach its borders. */
export function Card({ title, note, actions, flush, children, ...rest }: CardProps) {
  const id = useId();
  const head = title !== undefined || actions !== undefined;
  return (
    <section
      className={flush ? 'card card-flush' : 'card'}
      aria-labelledby={title === undefined ? undefined : id}
      data-testid={rest['data-testid']}
    >
      {head && (
        <header className="card-head">
          <div>
            {title !== undefined && <h2 id={id}>{title}</h2>}
            {note !== undefined && <p className="note">{note}</p>}
          </div>
          {actions !== undefined && <div className="row">{actions}</div>}
        </header>
      )}
      <div className="card-body">{children}</div>
    </section>
  );
}
