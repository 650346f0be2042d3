import { Link } from 'react-router';
import { useLogout, useMe } from '../api/session';
import { Button } from '../components/button';

export function UserMenu() {
  const { data: me } = useMe();
  const logout = useLogout();
  if (!me) return null;
  return (
    <div className="user-menu">
      <Link to="/users" className="user-name" data-testid="user-name">
        <span className="avatar" aria-hidden="true">
          {me.user.name.slice(0, 1).toUpperCase()}
        </span>
        <span>
          {me.user.name}
          <span className="note">{me.user.role}</span>
        </span>
      </Link>
      <Button
        kind="quiet"
        small
        icon="exit"
        busy={logout.isPending && 'Logging out…'}
        onClick={() => logout.mutate()}
        data-testid="logout"
      >
        Log out
      </Button>
    </div>
  );
}
