import { useState } from 'react';
import { useIssueCommand } from '../../api/commands';
import { useCan } from '../../api/session';
import { useExportKey } from '../../api/shares';
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
  // What the dialog was opened for: a share that begins to be removed meanwhile must not make a
  // deletion the end of that.
  const [dialog, setDialog] = useState<'delete' | 'give-up' | null>(null);
  const issue = useIssueCommand();
  const notify = useNotify();
  if (!allowed) return null;
  const { name, client_encryption } = share.settings;
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
      {!share.removing && (
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
        </>
      )}
      {client_encryption && <ExportKey gateway={gateway} name={name} />}
      <Button
        icon="trash"
        kind="danger"
        onClick={() => setDialog(share.removing ? 'give-up' : 'delete')}
        data-testid={share.removing ? 'share-give-up' : 'share-delete'}
      >
        {share.removing ? 'Give up' : 'Delete'}
      </Button>
      <LinkButton to={`/gateways/${gateway.id}/shares/${name}/edit`} kind="primary" icon="edit" data-testid="share-edit">
        Edit
      </LinkButton>
      {dialog !== null && (
        <DeleteShareDialog
          gateway={gateway}
          share={share}
          giveUp={dialog === 'give-up'}
          onClose={() => setDialog(null)}
        />
      )}
    </>
  );
}

/** Saves the key as a file: without console and gateway it is all that opens the objects. */
function ExportKey({ gateway, name }: { gateway: Gateway; name: string }) {
  const allowed = useCan('administer');
  const exporting = useExportKey(gateway.id, name);
  const notify = useNotify();
  if (!allowed) return null;
  return (
    <Button
      icon="key"
      title="Save the key that its objects are encrypted with; the audit log says who did"
      disabled={exporting.isPending}
      onClick={() =>
        exporting.mutate(undefined, {
          onSuccess: ({ key }) => save(`${name}.key`, `${key}\n`),
          onError: (error) => notify({ kind: 'problem', error }),
        })
      }
      data-testid="share-export-key"
    >
      Export key
    </Button>
  );
}

function save(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
