import { useNavigate } from 'react-router';
import { useDeleteGateway } from '../../api/gateways';
import type { Gateway } from '../../api/types';
import { ConfirmDelete } from '../../components/confirm-delete';
import { useNotify } from '../../notices/notice';

interface DeleteGatewayDialogProps {
  gateway: Gateway;
  onClose: () => void;
}

export function DeleteGatewayDialog({ gateway, onClose }: DeleteGatewayDialogProps) {
  const remove = useDeleteGateway(gateway.id);
  const navigate = useNavigate();
  const notify = useNotify();
  return (
    <ConfirmDelete
      noun="gateway"
      name={gateway.name}
      busy={remove.isPending}
      error={remove.error}
      forceText="Delete it all the same. What was not uploaded yet is lost."
      onClose={onClose}
      onConfirm={(choice) =>
        remove.mutate(choice, {
          onSuccess: () => {
            notify({ kind: 'done', text: `Gateway ${gateway.name} was deleted.` });
            void navigate('/gateways');
          },
        })
      }
    >
      <ul className="consequences">
        <li>Its credential is withdrawn: the gateway is disconnected and cannot come back.</li>
        <li>Its shares stop being served; clients that mounted them get errors.</li>
        <li>Every object that is in a bucket already stays there, as ordinary objects.</li>
      </ul>
    </ConfirmDelete>
  );
}
