import { useState } from 'react';
import { useIssueCommand } from '../../api/commands';
import { useCan } from '../../api/session';
import type { Gateway } from '../../api/types';
import { Button } from '../../components/button';
import { LinkButton } from '../../components/link-button';
import { useNotify } from '../../notices/notice';
import { BundleDialog } from './bundle-dialog';
import { DeleteGatewayDialog } from './delete-gateway-dialog';
import { RenameDialog } from './rename-dialog';

type Open = 'rename' | 'bundle' | 'delete' | null;

export function GatewayActions({ gateway }: { gateway: Gateway }) {
  const allowed = useCan('operate');
  const [open, setOpen] = useState<Open>(null);
  const issue = useIssueCommand();
  const notify = useNotify();
  if (!allowed) return null;
  const close = () => setOpen(null);
  return (
    <>
      <Button
        icon="refresh"
        disabled={gateway.state === 'activating'}
        busy={issue.isPending && 'Sending…'}
        data-testid="gateway-pull-status"
        onClick={() =>
          issue.mutate(
            { gateway: gateway.id, method: 'status.get', params: {} },
            {
              onSuccess: ({ id }) => notify({ kind: 'command', id }),
              onError: (error) => notify({ kind: 'problem', error }),
            },
          )
        }
      >
        Pull status
      </Button>
      <Button icon="key" onClick={() => setOpen('bundle')} data-testid="gateway-new-bundle">
        New bundle
      </Button>
      <Button icon="edit" onClick={() => setOpen('rename')} data-testid="gateway-rename">
        Rename
      </Button>
      <Button icon="trash" kind="danger" onClick={() => setOpen('delete')} data-testid="gateway-delete">
        Delete
      </Button>
      <LinkButton to={`/gateways/${gateway.id}/shares/new`} kind="primary" icon="plus" data-testid="create-share">
        Create share
      </LinkButton>
      {open === 'bundle' && <BundleDialog gateway={gateway} onClose={close} />}
      {open === 'rename' && <RenameDialog gateway={gateway} onClose={close} />}
      {open === 'delete' && <DeleteGatewayDialog gateway={gateway} onClose={close} />}
    </>
  );
}
