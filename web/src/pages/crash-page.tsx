import { useRouteError } from 'react-router';
import { Empty } from '../components/empty';
import { Button } from '../components/button';

/** A fault of this page; the gateways do not notice. */
export function CrashPage() {
  const error = useRouteError();
  return (
    <Empty
      icon="alert"
      title="This page has a fault"
      action={
        <Button kind="primary" onClick={() => window.location.reload()} data-testid="crash-reload">
          Load the page again
        </Button>
      }
    >
      Your gateways and shares are not affected.{' '}
      {error instanceof Error && <span className="mono">{error.message}</span>}
    </Empty>
  );
}
