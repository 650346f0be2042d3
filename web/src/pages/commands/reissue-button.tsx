import { useReissueCommand } from '../../api/commands';
import { useCan } from '../../api/session';
import type { Command } from '../../api/types';
import { Button } from '../../components/button';
import { useNotify } from '../../notices/notice';
import { canReissue } from './command-marks';

/** One click; the key stays the same, so that a gateway runs it at most once. */
export function ReissueButton({ command }: { command: Command }) {
  const allowed = useCan('operate');
  const reissue = useReissueCommand();
  const notify = useNotify();
  if (!allowed || !canReissue(command)) return null;
  return (
    <Button
      small
      icon="refresh"
      busy={reissue.isPending && 'Reissuing…'}
      data-testid="command-reissue"
      onClick={() =>
        reissue.mutate(command.id, {
          onSuccess: ({ id }) => notify({ kind: 'command', id }),
          onError: (error) => notify({ kind: 'problem', error }),
        })
      }
    >
      Reissue
    </Button>
  );
}
