import { useGateway } from '../../api/gateways';
import type { Bundle } from '../../api/types';
import { CodeBlock } from '../../components/code-block';
import { Icon } from '../../components/icon';
import { formatSpan } from '../../format/duration';
import { formatTime } from '../../format/time';
import { useNow } from '../../hooks/use-now';
import { joinSteps, type JoinStep } from './join-steps';

interface JoinPanelProps {
  gateway_id: string;
  bundle: Bundle;
}

/** What to run at the site, and how far the gateway has come. */
export function JoinPanel({ gateway_id, bundle }: JoinPanelProps) {
  const { data: gateway } = useGateway(gateway_id);
  const steps = gateway ? joinSteps(gateway) : [];
  const used = steps.at(-1)?.state === 'done';
  return (
    <div className="join" data-testid="join-panel">
      <section>
        <h3>Run this on the machine at the site</h3>
        <CodeBlock text={bundle.command} what="command to run at the site" clamp data-testid="join-command" />
        {used ? <p className="note">Used. It is of no value to anybody else now.</p> : <Expiry at={bundle.expires_at} />}
        <details>
          <summary>Only the bundle</summary>
          <p className="note">
            For a machine that already has the command line at hand: <code>causeway gateway join BUNDLE</code>.
            Treat it like a password until it is used; it is not shown again.
          </p>
          <CodeBlock text={bundle.bundle} what="activation bundle" clamp data-testid="join-bundle" />
        </details>
      </section>
      <section aria-live="polite">
        <h3>What happens</h3>
        <ol className="steps">
          {steps.map((step) => (
            <Step key={step.name} step={step} />
          ))}
        </ol>
      </section>
    </div>
  );
}

function Expiry({ at }: { at: number }) {
  const current = useNow();
  const left = at - current;
  return (
    <p className="note" data-testid="join-expiry">
      <Icon name="clock" size={14} />{' '}
      {left > 0
        ? `Expires in ${formatSpan(left)}, at ${formatTime(at)}.`
        : 'Expired. Make a new bundle on the gateway’s page.'}
    </p>
  );
}

function Step({ step }: { step: JoinStep }) {
  return (
    <li className={`step step-${step.state}`} data-testid={`join-step-${step.name}`} data-state={step.state}>
      <span className="step-dot">{step.state === 'done' && <Icon name="check" size={14} />}</span>
      <div>
        <strong>{step.title}</strong>
        <p className="note">{step.note}</p>
      </div>
    </li>
  );
}
