import { useState } from 'react';
import { useGateways } from '../../api/gateways';
import { useCan } from '../../api/session';
import type { Gateway, GatewayState } from '../../api/types';
import { Card } from '../../components/card';
import { Empty } from '../../components/empty';
import { LinkButton } from '../../components/link-button';
import { Loading } from '../../components/loading';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { SearchBox } from '../../components/search-box';
import { Segments } from '../../components/segments';
import { locationText } from './gateway-figures';
import { GatewayTable } from './gateway-table';

type Filter = 'all' | GatewayState;

export function GatewaysPage() {
  const { data: gateways, error } = useGateways();
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  const shown = gateways?.filter((gateway) => matches(gateway, filter, text.toLowerCase()));
  return (
    <>
      <PageHead
        title="Gateways"
        note="Each dials out to the message queue by itself; nothing has to reach into its network."
        actions={<AddButton />}
      />
      <Card
        flush
        title={
          <SearchBox
            label="Name, id, address, version"
            value={text}
            onChange={setText}
            data-testid="gateways-search"
          />
        }
        actions={
          <Segments
            label="State"
            value={filter}
            options={filters(gateways ?? [])}
            onChange={setFilter}
            testid="gateways-filter"
          />
        }
      >
        {error && <Problem error={error} />}
        {shown === undefined ? (
          !error && <Loading what="Reading the gateways…" />
        ) : (
          <GatewayTable gateways={shown} empty={<NoGateways any={gateways?.length !== 0} />} />
        )}
      </Card>
    </>
  );
}

function AddButton() {
  const allowed = useCan('operate');
  if (!allowed) return null;
  return (
    <LinkButton to="/gateways/new" kind="primary" icon="plus" data-testid="add-gateway">
      Add gateway
    </LinkButton>
  );
}

function filters(gateways: Gateway[]): (readonly [Filter, string])[] {
  const count = (state: GatewayState) => gateways.filter((gateway) => gateway.state === state).length;
  return [
    ['all', `All ${gateways.length}`],
    ['online', `Online ${count('online')}`],
    ['offline', `Offline ${count('offline')}`],
    ['activating', `Waiting to join ${count('activating')}`],
  ];
}

function matches(gateway: Gateway, filter: Filter, text: string): boolean {
  if (filter !== 'all' && gateway.state !== filter) return false;
  const words = [gateway.name, gateway.id, locationText(gateway), gateway.address, gateway.software_version];
  return words.join(' ').toLowerCase().includes(text);
}

function NoGateways({ any }: { any: boolean }) {
  return any ? (
    <Empty icon="search" title="No gateway fits the filter">
      Choose “All” or clear the search to see the others.
    </Empty>
  ) : (
    <Empty icon="gateway" title="Add your first gateway" action={<AddButton />}>
      A gateway serves files next to its users and keeps them in object storage. Give it a name here, run one
      command on a machine at its site, and it appears by itself.
    </Empty>
  );
}
