import type { BucketSettings, Share, ShareStatus } from '../../api/types';

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
