import type { Json } from '../api/types';

export function JsonView({ value, ...rest }: { value: Json; 'data-testid'?: string }) {
  return (
    <pre className="json" tabIndex={0} data-testid={rest['data-testid']}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
