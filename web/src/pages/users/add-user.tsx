import { useState } from 'react';
import type { Role } from '../../api/types';
import { useAddUser } from '../../api/users';
import { Button } from '../../components/button';
import { Card } from '../../components/card';
import { SelectField, TextField } from '../../components/field';
import { Problem } from '../../components/problem';
import { useNotify } from '../../notices/notice';
import { ROLES } from './roles';

export function AddUser() {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('operator');
  const add = useAddUser();
  const notify = useNotify();
  return (
    <Card title="Add user">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(
            { name: name.trim(), password, role },
            {
              onSuccess: () => {
                notify({ kind: 'done', text: `User ${name.trim()} was added.` });
                setName('');
                setPassword('');
              },
            },
          );
        }}
      >
        {add.error && <Problem error={add.error} data-testid="user-problem" />}
        <TextField
          label="Name"
          hint="1 to 32 lower case letters, digits, “.”, “_” or “-”."
          maxLength={32}
          value={name}
          onChange={setName}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          data-testid="user-name-input"
        />
        <TextField
          label="First password"
          hint="At least 8 characters. Tell them in person; they can change it here."
          minLength={8}
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          required
          data-testid="user-password-input"
        />
        <SelectField label="Role" value={role} options={ROLES} onChange={setRole} data-testid="user-role" />
        <div>
          <Button kind="primary" type="submit" busy={add.isPending && 'Adding…'} data-testid="user-add">
            Add user
          </Button>
        </div>
      </form>
    </Card>
  );
}
