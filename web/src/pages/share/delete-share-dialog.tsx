import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useDeleteShare } from '../../api/shares';
import type { Gateway, Share } from '../../api/types';
import { Banner } from '../../components/banner';
import { ConfirmDelete } from '../../components/confirm-delete';
import { formatBytes } from '../../format/bytes';
import { plural } from '../../format/number';
import { useNotify } from '../../notices/notice';
import { bucketText } from './share-figures';

interface DeleteShareDialogProps {
  gateway: Gateway;
  share: Share;
  onClose: () => void;
}

export function DeleteShareDialog({ gateway, share, onClose }: DeleteShareDialogProps) {
  const { name, bucket } = share.settings;
  const remove = useDeleteShare(gateway.id, name);
  const navigate = useNavigate();
  const notify = useNotify();
  const [forget, setForget] = useState(false);
  const dirty = share.status?.dirty_bytes ?? 0;
  return (
    <ConfirmDelete
      noun="share"
      name={name}
      busy={remove.isPending}
      error={remove.error}
      forceText="Delete it all the same. What was not uploaded yet is lost."
      onClose={onClose}
      onConfirm={(choice) =>
        remove.mutate({ ...choice, forget_key: forget }, {
          onSuccess: (left) => {
            notify({ kind: 'done', text: left?.removing ? removingText(name) : `Share ${name} was deleted.` });
            void navigate(`/gateways/${gateway.id}`);
          },
        })
      }
    >
      <ul className="consequences">
        <li>
          Objects in <span className="mono">{bucketText(bucket)}</span> stay as they are; creating the share again
          shows them again.
        </li>
        <li>The copy on the cache disk of {gateway.name} is removed.</li>
        <li>Clients that mounted it get errors until they unmount.</li>
        {bucket.role && !share.removing && (
          <li>It is listed, and lent keys, until {gateway.name} has uploaded what it still holds.</li>
        )}
        {share.removing && <li>{gateway.name} gets no more keys to upload what it still holds.</li>}
      </ul>
      {dirty > 0 && (
        <Banner tone="warn" data-testid="delete-dirty">
          {formatBytes(dirty)} in {plural(share.status?.dirty_files ?? 0, 'file')} are not in the bucket yet. Wait
          until they are uploaded, or they are lost.
        </Banner>
      )}
      {share.settings.client_encryption && (
        <label className="checkbox">
          <input
            type="checkbox"
            checked={forget}
            onChange={(event) => setForget(event.target.checked)}
            data-testid="delete-forget-key"
          />
          Its key is exported, or may be lost: without it nobody can read its objects.
        </label>
      )}
    </ConfirmDelete>
  );
}

function removingText(name: string): string {
  return `Share ${name} is being removed: it is gone when its gateway has uploaded what it still holds.`;
}
