import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import { Icon } from './icon';

interface ProblemProps {
  error: Error;
  action?: ReactNode;
  'data-testid'?: string;
}

/** An error in the words of the server, which say what to do. */
export function Problem({ error, action, ...rest }: ProblemProps) {
  return (
    <div className="banner banner-bad" role="alert" data-testid={rest['data-testid'] ?? 'problem'}>
      <Icon name="alert" />
      <div className="banner-text">
        <p>{capitalized(error.message)}</p>
        {error instanceof ApiError && error.code !== 'INTERNAL' && <p className="note mono">{error.code}</p>}
      </div>
      {action}
    </div>
  );
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
