import type { BucketSettings, Share, ShareStatus } from '../../api/types';
import { formatBytes } from '../../format/bytes';
import { plural } from '../../format/number';

/** `bucket/prefix/`. */
export function bucketText(bucket: BucketSettings): string {
  return `${bucket.bucket}/${bucket.prefix}`;
}

/** What is wrong with a share, in one sentence; null if nothing is. */
export function shareProblem(share: Share): string | null {
  if (share.error !== null) return share.error.message;
  if (share.status === null) return null;
  if (share.status.state === 'failed') return share.status.reason ?? 'The gateway did not say why.';
  if (share.status.uploads_failing > 0) return uploadProblem(share.status);
  return null;
}

/** What becomes of bytes that are not in the bucket when a share is deleted; null if there are none. */
export function unprotectedText(status: ShareStatus | null, emptiedFirst: boolean): string | null {
  // A share that is not open counts nothing, whatever it holds.
  if (status === null || (status.dirty_bytes === 0 && status.state !== 'serving')) {
    const unknown = 'It is not known whether all bytes are in the bucket: the gateway has not told.';
    return emptiedFirst ? `${unknown} What is not is uploaded first.` : `${unknown} What is not is lost.`;
  }
  if (status.dirty_bytes === 0) return null;
  const bytes = `${formatBytes(status.dirty_bytes)} in ${plural(status.dirty_files, 'file')}`;
  if (emptiedFirst) return `${bytes} are not in the bucket yet, and are uploaded first.`;
  return `${bytes} are not in the bucket yet. Wait until they are uploaded, or they are lost.`;
}

const LOST_SHOWN = 20;

/** Paths of files that have lost bytes, the first ones. */
export function lostText(paths: string[]): string {
  const more = paths.length - LOST_SHOWN;
  const shown = paths.slice(0, LOST_SHOWN).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function uploadProblem({ uploads_failing, last_upload_error }: ShareStatus): string {
  const files = uploads_failing === 1 ? '1 upload is failing' : `${uploads_failing} uploads are failing`;
  return `${files} and tried again${last_upload_error === null ? '.' : `: ${last_upload_error}`}`;
}

/** Share of reads answered from the cache disk; null before the first read. */
export function hitRatio({ read_hits, read_misses }: ShareStatus): number | null {
  const reads = read_hits + read_misses;
  return reads === 0 ? null : read_hits / reads;
}
