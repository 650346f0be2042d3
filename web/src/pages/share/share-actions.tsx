import { useState } from 'react';
import { useIssueCommand } from '../../api/commands';
import { useCan } from '../../api/session';
import type { Gateway, Share } from '../../api/types';
import { Button } from '../../components/button';
import { LinkButton } from '../../components/link-button';
import { useNotify } from '../../notices/notice';
import { DeleteShareDialog } from './delete-share-dialog';

interface ShareActionsProps {
  gateway: Gateway;
  share: Share;
}

export function ShareActions({ gateway, share }: ShareActionsProps) {
  const allowed = useCan('operate');
  const [deleting, setDeleting] = useState(false);
  const issue = useIssueCommand();
  const notify = useNotify();
  if (!allowed) return null;
  const { name } = share.settings;
  const run = (method: string) =>
    issue.mutate(
      { gateway: gateway.id, method, params: { share: name } },
      {
        onSuccess: ({ id }) => notify({ kind: 'command', id }),
        onError: (error) => notify({ kind: 'problem', error }),
      },
    );
  return (
    <>
      <Button
        icon="refresh"
        title="Look for changes made in the bucket by others"
        disabled={issue.isPending}
        onClick={() => run('share.sync')}
        data-testid="share-sync"
      >
        Sync now
      </Button>
      <Button
        icon="power"
        title="Stop serving the share and serve it again; clients wait meanwhile"
        disabled={issue.isPending}
        onClick={() => run('gateway.restart-share')}
        data-testid="share-restart"
      >
        Restart
      </Button>
      <Button icon="trash" kind="danger" onClick={() => setDeleting(true)} data-testid="share-delete">
        Delete
      </Button>
      <LinkButton to={`/gateways/${gateway.id}/shares/${name}/edit`} kind="primary" icon="edit" data-testid="share-edit">
        Edit
      </LinkButton>
      {deleting && <DeleteShareDialog gateway={gateway} share={share} onClose={() => setDeleting(false)} />}
    </>
  );
}
