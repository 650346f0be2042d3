import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import { useMemo, useState } from 'react';
import type { User } from '../../api/types';
import { useDeleteUser, useUsers } from '../../api/users';
import { Button } from '../../components/button';
import { Card } from '../../components/card';
import { ConfirmDelete } from '../../components/confirm-delete';
import { DataTable } from '../../components/data-table';
import { Empty } from '../../components/empty';
import { Loading } from '../../components/loading';
import { Problem } from '../../components/problem';
import { formatTime } from '../../format/time';
import { useNotify } from '../../notices/notice';
import { ROLE_NAMES } from './roles';

export function UserTable({ me }: { me: string }) {
  const { data: users, error } = useUsers();
  const [leaving, setLeaving] = useState<User | null>(null);
  const columns = useMemo(() => userColumns(me, setLeaving), [me]);
  return (
    <Card flush title="Users">
      {error && <Problem error={error} />}
      {users === undefined ? (
        !error && <Loading what="Reading the users…" />
      ) : (
        <DataTable
          label="Users"
          rows={users}
          columns={columns}
          rowId={(user) => user.name}
          initialSort={[{ id: 'name', desc: false }]}
          empty={
            <Empty icon="user" title="No users">
              Add the first one below.
            </Empty>
          }
          testid="users"
        />
      )}
      {leaving && <DeleteUser user={leaving} onClose={() => setLeaving(null)} />}
    </Card>
  );
}

const column = createColumnHelper<User>();

function userColumns(me: string, onDelete: (user: User) => void): ColumnDef<User, unknown>[] {
  return [
    column.accessor('name', {
      header: 'Name',
      cell: ({ row }) => (
        <span className="strong">
          {row.original.name}
          {row.original.name === me && <span className="faint"> (you)</span>}
        </span>
      ),
    }),
    column.accessor('role', { header: 'Role', cell: ({ row }) => ROLE_NAMES[row.original.role] }),
    column.accessor('created_at', { header: 'Since', cell: ({ row }) => formatTime(row.original.created_at) }),
    column.display({
      id: 'actions',
      meta: { numeric: true },
      cell: ({ row }) =>
        row.original.name !== me && (
          <Button
            kind="quiet"
            small
            icon="trash"
            onClick={() => onDelete(row.original)}
            data-testid="user-delete"
            aria-label={`Delete user ${row.original.name}`}
          >
            Delete
          </Button>
        ),
    }),
  ] as ColumnDef<User, unknown>[];
}

function DeleteUser({ user, onClose }: { user: User; onClose: () => void }) {
  const remove = useDeleteUser();
  const notify = useNotify();
  return (
    <ConfirmDelete
      noun="user"
      name={user.name}
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() =>
        remove.mutate(user.name, {
          onSuccess: () => {
            notify({ kind: 'done', text: `User ${user.name} was deleted.` });
            onClose();
          },
        })
      }
    >
      <p>Their sessions end at once. What they did stays in the audit log.</p>
    </ConfirmDelete>
  );
}
