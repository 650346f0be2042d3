import { useState, type ReactNode } from 'react';
import { ApiError } from '../api/client';
import { Button } from './button';
import { Dialog } from './dialog';
import { TextField } from './field';
import { Problem } from './problem';

interface ConfirmDeleteProps {
  /** "gateway", "share", "user". */
  noun: string;
  /** What is done; to delete, unless said otherwise. */
  action?: string;
  /** Has to be typed. */
  name: string;
  children: ReactNode;
  busy: boolean;
  error: Error | null;
  /** What is lost if a CONFLICT is overruled; without it there is no overruling. */
  forceText?: string;
  onConfirm: (choice: { force: boolean }) => void;
  onClose: () => void;
}

/** Says what will happen, and has the name typed. */
export function ConfirmDelete(props: ConfirmDeleteProps) {
  const { noun, action = 'Delete', name, children, busy, error, forceText, onConfirm, onClose } = props;
  const [typed, setTyped] = useState('');
  const [force, setForce] = useState(false);
  const conflict = error instanceof ApiError && error.code === 'CONFLICT' && forceText !== undefined;
  const ready = typed === name && (!conflict || force);
  return (
    <Dialog title={`${action} ${noun} ${name}?`} onClose={onClose} data-testid="delete-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) onConfirm({ force });
        }}
      >
        <div className="stack">
          {children}
          {error && <Problem error={error} data-testid="delete-problem" />}
          {conflict && (
            <label className="checkbox">
              <input
                type="checkbox"
                checked={force}
                onChange={(event) => setForce(event.target.checked)}
                data-testid="delete-force"
              />
              {forceText}
            </label>
          )}
          <TextField
            label={`Type ${name} to confirm`}
            value={typed}
            onChange={setTyped}
            autoComplete="off"
            spellCheck={false}
            autoFocus
            data-testid="delete-confirmation"
          />
        </div>
        <footer className="dialog-actions">
          <Button onClick={onClose} data-testid="delete-cancel">
            Keep it
          </Button>
          <Button
            kind="danger"
            type="submit"
            disabled={!ready}
            busy={busy && 'Working…'}
            data-testid="delete-submit"
          >
            {action} {noun}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
