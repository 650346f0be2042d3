import { useCallback, useRef, useState } from 'react';
import type { Check } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Problem } from '../../components/problem';
import { CheckList } from './check-list';

interface CheckDialogProps {
  verb: 'Create' | 'Save';
  checks: Check[] | undefined;
  error: Error | null;
  sending: boolean;
  onSend: () => void;
  onClose: () => void;
}

/** Shows the checks; when all pass, the share is sent at once. */
export function CheckDialog({ verb, checks, error, sending, onSend, onClose }: CheckDialogProps) {
  const [shown, setShown] = useState(false);
  const sent = useRef(false);
  const failed = checks?.some((check) => check.ok === false) ?? false;
  const skipped = checks?.some((check) => check.ok === null) ?? false;

  const allShown = useCallback(() => {
    setShown(true);
    if (failed || skipped || sent.current) return;
    sent.current = true;
    onSend();
  }, [failed, skipped, onSend]);

  return (
    <Dialog title="Checks before it is sent" onClose={onClose} data-testid="check-dialog">
      <div className="stack">
        <CheckList checks={checks} onShown={allShown} />
        {error && <Problem error={error} data-testid="share-problem" />}
        {shown && failed && <p data-testid="check-verdict">Nothing was changed. Correct what failed and try again.</p>}
        {shown && !failed && skipped && (
          <p data-testid="check-verdict">Some checks could not be made now. The gateway makes them when it applies it.</p>
        )}
      </div>
      <footer className="dialog-actions">
        <Button onClick={onClose} data-testid="check-back">
          Back to the form
        </Button>
        {shown && !failed && (skipped || error !== null) && (
          <Button
            kind="primary"
            busy={sending && 'Sending…'}
            onClick={onSend}
            data-testid="check-send"
          >
            {verb} anyway
          </Button>
        )}
      </footer>
    </Dialog>
  );
}
