import type { AuditEntry } from '../../api/types';
import { Facts } from '../../components/facts';
import { JsonView } from '../../components/json-view';
import { formatDuration } from '../../format/duration';
import { formatTime } from '../../format/time';

export function AuditDetail({ entry }: { entry: AuditEntry }) {
  return (
    <div className="detail">
      <Facts
        facts={[
          { name: 'Entry', value: entry.id },
          { name: 'Opened', value: formatTime(entry.at) },
          { name: 'Closed', value: closedText(entry) },
          { name: 'Came from', value: `${entry.source}, through ${entry.channel}` },
          { name: 'Hash', value: <span className="mono break">{entry.hash}</span>, testid: 'audit-hash' },
        ]}
      />
      <div className="detail-json">
        <h4>Details</h4>
        <JsonView value={entry.details} data-testid="audit-details" />
      </div>
    </div>
  );
}

function closedText({ at, closed_at }: AuditEntry): string {
  return closed_at === null ? 'not yet' : `${formatTime(closed_at)}, after ${formatDuration(closed_at - at)}`;
}
