import { useState } from 'react';
import { useChangePassword } from '../../api/session';
import { Button } from '../../components/button';
import { Card } from '../../components/card';
import { TextField } from '../../components/field';
import { Problem } from '../../components/problem';
import { useNotify } from '../../notices/notice';

const EMPTY = { old: '', new: '', again: '' };

export function ChangePassword() {
  const [typed, setTyped] = useState(EMPTY);
  const change = useChangePassword();
  const notify = useNotify();
  const differs = typed.again !== '' && typed.again !== typed.new;
  return (
    <Card title="Your password">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(
            { old: typed.old, new: typed.new },
            {
              onSuccess: () => {
                notify({ kind: 'done', text: 'Your password was changed.' });
                setTyped(EMPTY);
              },
            },
          );
        }}
      >
        {change.error && <Problem error={change.error} data-testid="password-problem" />}
        <TextField
          label="Current password"
          type="password"
          value={typed.old}
          onChange={(old) => setTyped({ ...typed, old })}
          autoComplete="current-password"
          required
          data-testid="password-old"
        />
        <TextField
          label="New password"
          hint="At least 8 characters."
          minLength={8}
          type="password"
          value={typed.new}
          onChange={(next) => setTyped({ ...typed, new: next })}
          autoComplete="new-password"
          required
          data-testid="password-new"
        />
        <TextField
          label="New password again"
          error={differs ? 'The two differ.' : undefined}
          type="password"
          value={typed.again}
          onChange={(again) => setTyped({ ...typed, again })}
          autoComplete="new-password"
          required
          data-testid="password-again"
        />
        <div>
          <Button
            kind="primary"
            type="submit"
            disabled={typed.new === '' || typed.new !== typed.again}
            busy={change.isPending && 'Changing…'}
            data-testid="password-submit"
          >
            Change password
          </Button>
        </div>
      </form>
    </Card>
  );
}
