import { useParams } from 'react-router';
import { ApiError } from '../../api/client';
import { useGateway } from '../../api/gateways';
import type { Gateway } from '../../api/types';
import { Loading } from '../../components/loading';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { StaleNote } from '../../components/stale-note';
import { GatewayPill } from '../../components/state-pills';
import { useNow } from '../../hooks/use-now';
import { NotFoundPage } from '../not-found-page';
import { isStale } from '../gateways/gateway-figures';
import { CommandsTab } from './commands-tab';
import { EventsTab } from './events-tab';
import { GatewayActions } from './gateway-actions';
import { GatewayFacts } from './gateway-facts';
import { MetricsPanel } from './metrics-panel';
import { SharesTab } from './shares-tab';
import { TABS, Tabs, type TabName } from './tabs';
import { WaitingToJoin } from './waiting-to-join';

export function GatewayPage() {
  const { id = '', tab = 'shares' } = useParams();
  const { data: gateway, error } = useGateway(id);
  if (error instanceof ApiError && error.status === 404) return <NotFoundPage />;
  const known = TABS.find(([name]) => name === tab)?.[0];
  if (known === undefined) return <NotFoundPage />;
  if (error && !gateway) return <Problem error={error} />;
  if (!gateway) return <Loading what="Reading the gateway…" />;
  return <Known gateway={gateway} tab={known} />;
}

function Known({ gateway, tab }: { gateway: Gateway; tab: TabName }) {
  const current = useNow();
  const stale = isStale(gateway, current);
  return (
    <>
      <PageHead
        title={gateway.name}
        trail={[['Gateways', '/gateways']]}
        beside={<GatewayPill state={gateway.state} />}
        actions={<GatewayActions gateway={gateway} />}
      />
      {gateway.state === 'activating' && <WaitingToJoin gateway={gateway} />}
      {stale && gateway.status_at !== null && (
        <StaleNote at={gateway.status_at}>
          {gateway.state === 'offline'
            ? 'The gateway is offline; its clients can keep working on the shares.'
            : 'The gateway is connected but has not reported for a while.'}
        </StaleNote>
      )}
      <GatewayFacts gateway={gateway} stale={stale} />
      <Tabs gateway_id={gateway.id} current={tab} />
      <TabPanel gateway={gateway} tab={tab} stale={stale} />
    </>
  );
}

function TabPanel({ gateway, tab, stale }: { gateway: Gateway; tab: TabName; stale: boolean }) {
  switch (tab) {
    case 'shares':
      return <SharesTab gateway={gateway} stale={stale} />;
    case 'metrics':
      return <MetricsPanel gateway_id={gateway.id} pickShare />;
    case 'events':
      return <EventsTab gateway_id={gateway.id} />;
    case 'commands':
      return <CommandsTab gateway_id={gateway.id} />;
  }
}
