import { useVerifyAudit } from '../../api/audit';
import { Button } from '../../components/button';
import { Pill } from '../../components/pill';
import { formatCount } from '../../format/number';
import { useNotify } from '../../notices/notice';

/** Lets the console walk the hash chain, and says what it found. */
export function VerifyChain() {
  const verify = useVerifyAudit();
  const notify = useNotify();
  const { data } = verify;
  return (
    <>
      {data && (
        <Pill tone={data.intact ? 'good' : 'bad'} data-testid="audit-verdict">
          {data.intact
            ? `Chain intact, ${formatCount(data.records)} records`
            : `Chain broken at record ${data.broken_at ?? '?'} of ${formatCount(data.records)}`}
        </Pill>
      )}
      <Button
        icon="check"
        busy={verify.isPending && 'Verifying…'}
        onClick={() => verify.mutate(undefined, { onError: (error) => notify({ kind: 'problem', error }) })}
        data-testid="audit-verify"
      >
        Verify chain
      </Button>
    </>
  );
}
