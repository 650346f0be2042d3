import { useEffect, useRef } from 'react';
import { useCommand } from '../api/commands';
import { CommandPill } from '../components/state-pills';
import { ReissueButton } from '../pages/commands/reissue-button';
import { commandSpan } from '../pages/commands/command-marks';
import { formatDuration } from '../format/duration';

const FINISHED_SHOWN_MS = 6_000;

/** A command on its way, with its outcome as soon as there is one. */
export function CommandNotice({ id, onSettled }: { id: string; onSettled: () => void }) {
  const { data: command } = useCommand(id);
  const settled = useRef(onSettled);
  useEffect(() => {
    settled.current = onSettled;
  });
  const reissued = command != null && command.reissued_as !== null;
  useEffect(() => {
    if (reissued) settled.current();
  }, [reissued]);
  const finished = command?.state === 'finished';
  useEffect(() => {
    if (!finished) return;
    const timer = setTimeout(() => settled.current(), FINISHED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [finished]);
  if (!command) return <p>Sending the command…</p>;
  const span = commandSpan(command);
  return (
    <div className="notice-command">
      <div className="row">
        <strong className="mono">{command.method}</strong>
        <CommandPill state={command.state} />
        {span !== null && <span className="note">{formatDuration(span)}</span>}
      </div>
      {command.error && <p className="note">{command.error.message}</p>}
      <ReissueButton command={command} />
    </div>
  );
}
