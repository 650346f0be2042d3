import type { Command, CommandState, Mark } from '../../api/types';
import { formatDuration } from '../../format/duration';
import { formatClock, formatTime } from '../../format/time';
import { markSteps } from './command-marks';

const LABELS = { accepted: 'Accepted', delivered: 'Delivered', started: 'Started' };

/** The last mark tells that there is an outcome; which one is the state. */
const OUTCOMES: Record<CommandState, string> = {
  pending: 'Finished',
  finished: 'Finished',
  failed: 'Failed',
  not_executed: 'Not executed',
  unknown: 'Unknown',
};

function label(mark: Mark, state: CommandState): string {
  return mark === 'finished' ? OUTCOMES[state] : LABELS[mark];
}

/** accepted → delivered → started → outcome, with the time each took. */
export function MarkTimeline({ command }: { command: Command }) {
  return (
    <ol className="marks" aria-label="Marks">
      {markSteps(command).map(({ mark, at, after_ms }) => (
        <li
          key={mark}
          className={at === null ? 'mark' : `mark mark-reached mark-${command.state}`}
          title={`${label(mark, command.state)}: ${at === null ? 'not yet' : formatTime(at)}`}
          data-testid={`mark-${mark}`}
          data-reached={at !== null}
        >
          <span className="mark-dot" aria-hidden="true" />
          <span className="mark-name">{label(mark, command.state)}</span>
          <span className="mark-time">{timeText(at, after_ms)}</span>
        </li>
      ))}
    </ol>
  );
}

function timeText(at: number | null, after_ms: number | null): string {
  if (at === null) return '–';
  return after_ms === null ? formatClock(at) : `+${formatDuration(after_ms)}`;
}
