import { Link } from 'react-router';
import type { Overview } from '../../api/types';
import { Card } from '../../components/card';
import { Figure } from '../../components/figure';
import { formatRate, scaleBytes } from '../../format/bytes';
import { formatSpan } from '../../format/duration';
import { formatCount, plural } from '../../format/number';

// Data older than this is no longer just on its way.
const OLD_MS = 10 * 60_000;

export function FleetFigures({ overview }: { overview: Overview }) {
  const { gateways, shares, rates, commands } = overview;
  const dirty = scaleBytes(overview.dirty_bytes);
  const troubled = commands.failed + commands.unknown;
  return (
    <Card>
      <div className="figures">
        <Figure
          name="Gateways online"
          value={<Link to="/gateways">{formatCount(gateways.online)}</Link>}
          unit={`of ${formatCount(gateways.total)}`}
          note={gatewaysNote(overview)}
          alarming={gateways.offline > 0}
          data-testid="overview-gateways-online"
        />
        <Figure
          name="Shares served"
          value={formatCount(shares.serving)}
          unit={`of ${formatCount(shares.total)}`}
          note={shares.failed > 0 ? `${formatCount(shares.failed)} failed` : 'none failed'}
          alarming={shares.failed > 0}
          data-testid="overview-shares"
        />
        <Figure
          name="Unprotected data"
          value={dirty.value}
          unit={dirty.unit}
          note={overview.dirty_bytes > 0 ? `in ${plural(overview.dirty_files, 'file')}` : 'all safe in the object store'}
          data-testid="overview-dirty-bytes"
        />
        <Figure
          name="Oldest unprotected"
          value={overview.oldest_dirty_age_ms > 0 ? formatSpan(overview.oldest_dirty_age_ms) : '–'}
          note={overview.uploads_failing > 0 ? `${plural(overview.uploads_failing, 'upload')} failing` : 'no upload fails'}
          alarming={overview.oldest_dirty_age_ms > OLD_MS || overview.uploads_failing > 0}
          data-testid="overview-oldest-dirty"
        />
        <Figure
          name="Upload"
          value={formatRate(rates?.upload_bytes_per_s)}
          note={`written ${formatRate(rates?.write_bytes_per_s)}`}
          data-testid="overview-upload-rate"
        />
        <Figure
          name="Commands not done"
          value={<Link to="/commands">{formatCount(troubled)}</Link>}
          note={commandsNote(overview)}
          alarming={troubled > 0}
          data-testid="overview-commands-failed"
        />
      </div>
    </Card>
  );
}

function commandsNote({ commands }: Overview): string {
  const open = commands.pending > 0 ? `, ${formatCount(commands.pending)} pending` : '';
  if (commands.failed + commands.unknown === 0) return `none in the last 24 h${open}`;
  const unknown = commands.unknown > 0 ? `, ${formatCount(commands.unknown)} unknown` : '';
  return `${formatCount(commands.failed)} failed or not executed${unknown}${open}`;
}

function gatewaysNote({ gateways }: Overview): string {
  const waiting = gateways.activating > 0 ? `, ${formatCount(gateways.activating)} waiting to join` : '';
  return `${formatCount(gateways.offline)} offline${waiting}`;
}
