import { useGateways } from '../../api/gateways';
import { useOverview } from '../../api/overview';
import { useCan } from '../../api/session';
import type { Overview } from '../../api/types';
import { Banner } from '../../components/banner';
import { Card } from '../../components/card';
import { Empty } from '../../components/empty';
import { LinkButton } from '../../components/link-button';
import { Loading } from '../../components/loading';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { AttentionCard } from './attention-card';
import { FleetFigures } from './fleet-figures';
import { RecentCommands } from './recent-commands';
import { ThroughputCard } from './throughput-card';
import { UnprotectedCard } from './unprotected-card';

export function OverviewPage() {
  const { data: overview, error } = useOverview();
  return (
    <>
      <PageHead title="Overview" note="Is all data safe, and is every gateway there?" />
      {error && <Problem error={error} />}
      {overview ? <Known overview={overview} /> : !error && <Loading what="Reading the fleet…" />}
    </>
  );
}

function Known({ overview }: { overview: Overview }) {
  const { data: gateways = [] } = useGateways();
  if (overview.gateways.total === 0) return <FirstSteps />;
  return (
    <>
      {!overview.bus_connected && (
        <Banner tone="bad" data-testid="bus-lost">
          The console has lost the message queue. What you see may be old, and commands are refused until it is back.
        </Banner>
      )}
      <FleetFigures overview={overview} />
      <div className="overview-columns">
        <ThroughputCard />
        <AttentionCard gateways={gateways} />
      </div>
      <div className="overview-columns">
        <RecentCommands />
        <UnprotectedCard gateways={gateways} />
      </div>
    </>
  );
}

function FirstSteps() {
  const allowed = useCan('operate');
  return (
    <Card>
      <Empty
        icon="gateway"
        title="Your fleet begins with one gateway"
        action={
          allowed && (
            <LinkButton to="/gateways/new" kind="primary" icon="plus" data-testid="first-gateway">
              Add gateway
            </LinkButton>
          )
        }
      >
        Name it here, run one command at its site, give it a share on a bucket. Its clients mount the share over
        NFS, and what they write becomes ordinary objects.
      </Empty>
    </Card>
  );
}
