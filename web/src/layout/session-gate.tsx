import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Navigate, useLocation } from 'react-router';
import { onUnauthenticated } from '../api/client';
import { keys } from '../api/keys';
import { useMe } from '../api/session';
import { Button } from '../components/button';
import { Loading } from '../components/loading';
import { Problem } from '../components/problem';
import { LiveProvider } from '../live/live-provider';
import { Shell } from './shell';

/** Lets in who is logged in, sends everybody else to the login page. */
export function SessionGate() {
  const cache = useQueryClient();
  const { data: me, error, refetch } = useMe();
  const { pathname } = useLocation();
  useEffect(() => onUnauthenticated(() => cache.setQueryData(keys.me, null)), [cache]);
  if (me === null) return <Navigate to="/login" state={{ from: pathname }} replace />;
  if (me !== undefined) {
    return (
      <LiveProvider>
        <Shell />
      </LiveProvider>
    );
  }
  return (
    <div className="gate">
      {error ? (
        <Problem error={error} action={<Button onClick={() => void refetch()}>Try again</Button>} />
      ) : (
        <Loading what="Opening the console…" />
      )}
    </div>
  );
}
