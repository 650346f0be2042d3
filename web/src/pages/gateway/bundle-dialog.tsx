import { useNewBundle } from '../../api/gateways';
import type { Gateway } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Problem } from '../../components/problem';
import { JoinPanel } from '../gateways/join-panel';

interface BundleDialogProps {
  gateway: Gateway;
  onClose: () => void;
}

/** A new activation bundle, after saying what it does to the one before. */
export function BundleDialog({ gateway, onClose }: BundleDialogProps) {
  const bundle = useNewBundle(gateway.id);
  if (bundle.data) {
    return (
      <Dialog title={`New bundle for ${gateway.name}`} onClose={onClose} wide data-testid="bundle-dialog">
        <JoinPanel gateway_id={gateway.id} bundle={bundle.data} />
        <footer className="dialog-actions">
          <Button kind="primary" onClick={onClose} data-testid="bundle-close">
            Done
          </Button>
        </footer>
      </Dialog>
    );
  }
  return (
    <Dialog title={`New bundle for ${gateway.name}?`} onClose={onClose} data-testid="bundle-dialog">
      <div className="stack">
        {bundle.error && <Problem error={bundle.error} />}
        <p>
          The bundle made before becomes void. A gateway that has joined stays connected until another machine
          joins with the new bundle and takes its place.
        </p>
      </div>
      <footer className="dialog-actions">
        <Button onClick={onClose} data-testid="bundle-cancel">
          Cancel
        </Button>
        <Button
          kind="primary"
          busy={bundle.isPending && 'Making the bundle…'}
          onClick={() => bundle.mutate()}
          data-testid="bundle-make"
        >
          Make new bundle
        </Button>
      </footer>
    </Dialog>
  );
}
