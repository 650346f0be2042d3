import { Fragment, type ReactNode } from 'react';
import { Link } from 'react-router';
import { useTitle } from '../hooks/use-title';

interface PageHeadProps {
  title: string;
  /** Pages above this one: text and address. */
  trail?: [string, string][];
  beside?: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
}

export function PageHead({ title, trail = [], beside, note, actions }: PageHeadProps) {
  useTitle(title);
  return (
    <header className="page-head">
      <div>
        {trail.length > 0 && (
          <nav className="trail" aria-label="Breadcrumb">
            {trail.map(([text, to], depth) => (
              <Fragment key={to}>
                {depth > 0 && <span aria-hidden="true">/</span>}
                <Link to={to}>{text}</Link>
              </Fragment>
            ))}
          </nav>
        )}
        <div className="row">
          <h1 data-testid="page-title">{title}</h1>
          {beside}
        </div>
        {note !== undefined && <p className="note">{note}</p>}
      </div>
      {actions !== undefined && <div className="row page-actions">{actions}</div>}
    </header>
  );
}
