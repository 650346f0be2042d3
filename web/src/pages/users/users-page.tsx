import { useCan, useMe } from '../../api/session';
import { PageHead } from '../../components/page-head';
import { AddUser } from './add-user';
import { ChangePassword } from './change-password';
import { UserTable } from './user-table';

export function UsersPage() {
  const administer = useCan('administer');
  const { data: me } = useMe();
  if (!me) return null;
  return (
    <>
      <PageHead
        title={administer ? 'Users' : 'Account'}
        note={administer ? 'Who may look at and change the fleet.' : `You are logged in as ${me.user.name}.`}
      />
      {administer && <UserTable me={me.user.name} />}
      <div className="share-columns">
        {administer && <AddUser />}
        <ChangePassword />
      </div>
    </>
  );
}
