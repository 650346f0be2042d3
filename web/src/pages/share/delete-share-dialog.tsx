import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useDeleteShare } from '../../api/shares';
import type { Gateway, Share } from '../../api/types';
import { Banner } from '../../components/banner';
import { ConfirmDelete } from '../../components/confirm-delete';
import { useNotify } from '../../notices/notice';
import { bucketText, unprotectedText } from './share-figures';

interface DeleteShareDialogProps {
  gateway: Gateway;
  share: Share;
  /** It is being removed, and that ends without what its gateway has not uploaded. */
  giveUp: boolean;
  onClose: () => void;
}

export function DeleteShareDialog({ gateway, share, giveUp, onClose }: DeleteShareDialogProps) {
  const { name, bucket } = share.settings;
  const remove = useDeleteShare(gateway.id, name);
  const navigate = useNavigate();
  const notify = useNotify();
  const [forget, setForget] = useState(false);
  const emptiedFirst = !giveUp && Boolean(bucket.role);
  const unprotected = unprotectedText(share.status, emptiedFirst);
  return (
    <ConfirmDelete
      noun="share"
      action={giveUp ? 'Give up' : 'Delete'}
      name={name}
      busy={remove.isPending}
      error={remove.error}
      forceText={
        giveUp || emptiedFirst ? undefined : 'Delete it all the same. What was not uploaded yet is lost.'
      }
      onClose={onClose}
      onConfirm={(choice) =>
        remove.mutate({ ...choice, forget_key: forget, give_up: giveUp }, {
          onSuccess: (left) => {
            notify({ kind: 'done', text: left?.removing ? removingText(name) : goneText(name, giveUp) });
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
        {emptiedFirst && (
          <li>It is listed, and lent keys, until {gateway.name} has uploaded what it still holds.</li>
        )}
        {giveUp && <li>{gateway.name} gets no more keys to upload what it still holds.</li>}
      </ul>
      {unprotected !== null && (
        <Banner tone={emptiedFirst ? 'info' : 'warn'} data-testid="delete-dirty">
          {unprotected}
        </Banner>
      )}
      {!giveUp && share.settings.client_encryption && (
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

function goneText(name: string, giveUp: boolean): string {
  return giveUp ? `Share ${name} was given up.` : `Share ${name} was deleted.`;
}

function removingText(name: string): string {
  return `Share ${name} is being removed: it is gone when its gateway has uploaded what it still holds.`;
}
