import { useState } from 'react';
import { Navigate, useLocation } from 'react-router';
import { ApiError } from '../api/client';
import { useLogin, useMe } from '../api/session';
import { Button } from '../components/button';
import { TextField } from '../components/field';
import { Problem } from '../components/problem';
import { useTitle } from '../hooks/use-title';
import { Logo } from '../layout/logo';
import { ThemeToggle } from '../layout/theme-toggle';

export function LoginPage() {
  useTitle('Log in');
  const { data: me } = useMe();
  const login = useLogin();
  const from = (useLocation().state as { from?: string } | null)?.from ?? '/';
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  if (me) return <Navigate to={from} replace />;
  return (
    <main className="login">
      <div className="login-theme">
        <ThemeToggle />
      </div>
      <form
        className="login-box"
        onSubmit={(event) => {
          event.preventDefault();
          login.mutate({ user, password });
        }}
      >
        <Logo />
        <div>
          <h1>Log in to the console</h1>
          <p className="note">Your storage gateways, wherever they run.</p>
        </div>
        {login.error && <Problem error={refusal(login.error)} data-testid="login-problem" />}
        <TextField
          label="User"
          value={user}
          onChange={setUser}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          required
          data-testid="login-user"
        />
        <TextField
          label="Password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          required
          data-testid="login-password"
        />
        <Button kind="primary" type="submit" busy={login.isPending && 'Logging in…'} data-testid="login-submit">
          Log in
        </Button>
        <p className="note">
          First start? The console printed the password of <code>admin</code> where it was started.
        </p>
      </form>
    </main>
  );
}

/** A wrong password is no news about a session, so the code says nothing here. */
function refusal(error: Error): Error {
  return error instanceof ApiError && error.status === 401 ? new Error(error.message) : error;
}
