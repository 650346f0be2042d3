import { useState } from 'react';
import { useCan } from '../../api/session';
import type { Gateway } from '../../api/types';
import { Banner } from '../../components/banner';
import { Button } from '../../components/button';
import { formatSpan } from '../../format/duration';
import { useNow } from '../../hooks/use-now';
import { BundleDialog } from './bundle-dialog';

/** A gateway that nobody has run yet. */
export function WaitingToJoin({ gateway }: { gateway: Gateway }) {
  const allowed = useCan('operate');
  const current = useNow();
  const [open, setOpen] = useState(false);
  const left = (gateway.bundle_expires_at ?? 0) - current;
  const expired = gateway.bundle_expires_at !== null && left <= 0;
  return (
    <>
      <Banner
        tone={expired ? 'warn' : 'info'}
        data-testid="waiting-to-join"
        action={
          allowed && (
            <Button small onClick={() => setOpen(true)} data-testid="waiting-new-bundle">
              New bundle
            </Button>
          )
        }
      >
        {expired
          ? 'Its activation bundle expired before anybody used it. Make a new one.'
          : 'Waiting for the gateway: run the join command on the machine at its site.'}
        {!expired && left > 0 && ` The bundle expires in ${formatSpan(left)}.`}
      </Banner>
      {open && <BundleDialog gateway={gateway} onClose={() => setOpen(false)} />}
    </>
  );
}
