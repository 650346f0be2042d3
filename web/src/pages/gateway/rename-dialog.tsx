import { useState } from 'react';
import { useRenameGateway } from '../../api/gateways';
import type { Gateway } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { TextField } from '../../components/field';
import { Problem } from '../../components/problem';
import { useNotify } from '../../notices/notice';

interface RenameDialogProps {
  gateway: Gateway;
  onClose: () => void;
}

export function RenameDialog({ gateway, onClose }: RenameDialogProps) {
  const [name, setName] = useState(gateway.name);
  const rename = useRenameGateway(gateway.id);
  const notify = useNotify();
  return (
    <Dialog title={`Rename ${gateway.name}`} onClose={onClose} data-testid="rename-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate(name.trim(), {
            onSuccess: () => {
              notify({ kind: 'done', text: `The gateway is now called ${name.trim()}.` });
              onClose();
            },
          });
        }}
      >
        <div className="stack">
          {rename.error && <Problem error={rename.error} />}
          <TextField
            label="Name"
            hint="Only people see it; the id and the shares stay as they are."
            value={name}
            onChange={setName}
            maxLength={64}
            required
            autoFocus
            data-testid="rename-input"
          />
        </div>
        <footer className="dialog-actions">
          <Button onClick={onClose} data-testid="rename-cancel">
            Cancel
          </Button>
          <Button
            kind="primary"
            type="submit"
            disabled={name.trim() === '' || name.trim() === gateway.name}
            busy={rename.isPending && 'Renaming…'}
            data-testid="rename-submit"
          >
            Rename
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
