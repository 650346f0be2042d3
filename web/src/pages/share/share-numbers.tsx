import type { ExpressStatus, Share } from '../../api/types';
import { Card } from '../../components/card';
import { Figure } from '../../components/figure';
import { Meter } from '../../components/meter';
import { formatBytes, formatRate, scaleBytes } from '../../format/bytes';
import { formatDuration, formatSpan } from '../../format/duration';
import { formatCount, formatRatio, plural } from '../../format/number';
import { hitRatio } from './share-figures';

interface ShareNumbersProps {
  share: Share;
  stale: boolean;
}

/** What other gateways over the same objects told; nothing if there are none. */
function ExpressFigure({ express, stale }: { express: ExpressStatus; stale: boolean }) {
  if (express.applied + express.gaps === 0) return null;
  const delay = express.delay_ms === null ? 'nothing yet' : `seen after ${formatDuration(express.delay_ms)}`;
  const gaps = express.gaps > 0 ? `; ${plural(express.scans, 'listing')} for ${plural(express.gaps, 'gap')}` : '';
  return (
    <Figure
      name="Changes of other gateways"
      value={formatCount(express.applied)}
      note={`${delay}${gaps}`}
      stale={stale}
      data-testid="share-express"
    />
  );
}

/** How the share is right now. */
export function ShareNumbers({ share, stale }: ShareNumbersProps) {
  const { status } = share;
  if (status === null) {
    return (
      <Card>
        <p className="note">No report yet. Numbers appear as soon as the gateway serves the share.</p>
      </Card>
    );
  }
  const dirty = scaleBytes(status.dirty_bytes);
  const rates = stale ? null : share.rates;
  const hits = hitRatio(status);
  const used = `${formatBytes(status.cache_used_bytes)} of ${formatBytes(status.cache_bytes_max)}`;
  return (
    <Card data-testid="share-numbers">
      <div className="figures">
        <Figure
          name="Unprotected data"
          value={dirty.value}
          unit={dirty.unit}
          note={
            status.dirty_bytes > 0
              ? `${plural(status.dirty_files, 'file')}, oldest ${formatSpan(status.oldest_dirty_age_ms)}`
              : stale
                ? 'when it last reported'
                : 'all safe in the object store'
          }
          stale={stale}
          data-testid="share-dirty-bytes"
        />
        <Figure
          name="Upload"
          value={formatRate(rates?.upload_bytes_per_s)}
          note={<span data-testid="share-uploaded">{formatBytes(status.uploaded_bytes)} in all</span>}
          stale={stale}
          data-testid="share-upload-rate"
        />
        <Figure
          name="Upload queue"
          value={formatCount(status.upload_queue)}
          note={status.uploads_failing > 0 ? `${formatCount(status.uploads_failing)} failing` : 'none failing'}
          alarming={status.uploads_failing > 0}
          stale={stale}
          data-testid="share-upload-queue"
        />
        <Figure
          name="Written by clients"
          value={formatRate(rates?.write_bytes_per_s)}
          note={<span data-testid="share-written">{formatBytes(status.written_bytes)} in all</span>}
          stale={stale}
          data-testid="share-write-rate"
        />
        <Figure
          name="Read by clients"
          value={formatRate(rates?.read_bytes_per_s)}
          note={hits === null ? 'no reads yet' : `${formatRatio(hits)} from the cache disk`}
          stale={stale}
          data-testid="share-read-rate"
        />
        <Figure
          name="Files and directories"
          value={formatCount(status.inodes)}
          note={
            <>
              <Meter value={status.cache_used_bytes} max={status.cache_bytes_max} label={`Cache: ${used}`} />
              {used} cached
            </>
          }
          stale={stale}
          data-testid="share-inodes"
        />
        <ExpressFigure express={status.express} stale={stale} />
      </div>
    </Card>
  );
}
