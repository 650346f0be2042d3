import { describe, expect, it } from 'vitest';
import type { ShareStatus } from '../../api/types';
import { unprotectedText } from './share-figures';

function status(dirty_bytes: number, state: ShareStatus['state'] = 'serving'): ShareStatus {
  return { state, dirty_bytes, dirty_files: dirty_bytes === 0 ? 0 : 2 } as ShareStatus;
}

describe('what a deletion does to bytes that are not in the bucket', () => {
  it('is that they are lost, or uploaded first', () => {
    expect(unprotectedText(status(7), false)).toMatch(/^7 B in 2 files .* or they are lost\.$/);
    expect(unprotectedText(status(7), true)).toMatch(/^7 B in 2 files .* uploaded first\.$/);
    expect(unprotectedText(status(0), false)).toBeNull();
  });

  it('is not known of a share that has not told', () => {
    for (const untold of [null, status(0, 'starting'), status(0, 'failed')]) {
      expect(unprotectedText(untold, false)).toMatch(/^It is not known .* is lost\.$/);
      expect(unprotectedText(untold, true)).toMatch(/^It is not known .* uploaded first\.$/);
    }
  });
});
