import { useState } from 'react';
import { useCommands } from '../../api/commands';
import { useGatewayNames } from '../../api/gateways';
import type { Command, CommandState } from '../../api/types';
import { Card } from '../../components/card';
import { Empty } from '../../components/empty';
import { Loading } from '../../components/loading';
import { OlderButton } from '../../components/older-button';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { SearchBox } from '../../components/search-box';
import { Segments } from '../../components/segments';
import { paramsText } from './command-marks';
import { CommandTable } from './command-table';

type Filter = 'all' | 'attention' | CommandState;

const FILTERS = [
  ['all', 'All'],
  ['pending', 'Pending'],
  ['attention', 'Not done'],
  ['finished', 'Finished'],
] as const;

export function CommandsPage() {
  const list = useCommands();
  const nameOf = useGatewayNames();
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  const shown = list.items?.filter(
    (command) => matches(command, filter) && searchText(command, nameOf(command.gateway_id)).includes(text.toLowerCase()),
  );
  return (
    <>
      <PageHead
        title="Commands"
        note="Management calls to gateways, and how far each is known to have come."
      />
      <Card
        flush
        title={
          <SearchBox
            label="Method, gateway, user, error"
            value={text}
            onChange={setText}
            data-testid="commands-search"
          />
        }
        actions={
          <Segments label="Outcome" value={filter} options={FILTERS} onChange={setFilter} testid="commands-filter" />
        }
      >
        {list.error && <Problem error={list.error} />}
        {shown === undefined ? (
          !list.error && <Loading what="Reading the commands…" />
        ) : (
          <CommandTable commands={shown} gatewayName={nameOf} empty={<NoCommands any={list.items?.length !== 0} />} />
        )}
        <OlderButton list={list} />
      </Card>
    </>
  );
}

function matches(command: Command, filter: Filter): boolean {
  if (filter === 'all') return true;
  if (filter === 'attention') return ['failed', 'not_executed', 'unknown'].includes(command.state);
  return command.state === filter;
}

function searchText(command: Command, gateway: string): string {
  const words = [command.method, gateway, command.gateway_id, command.issued_by, paramsText(command.params)];
  return [...words, command.error?.code, command.error?.message, command.id].join(' ').toLowerCase();
}

function NoCommands({ any }: { any: boolean }) {
  return any ? (
    <Empty icon="search" title="No command fits the filter">
      Choose “All” or clear the search to see the others.
    </Empty>
  ) : (
    <Empty icon="command" title="No command yet">
      Commands are actions on one gateway, such as pulling its status or syncing a share. Issue one from a
      gateway’s page; it appears here with every step it takes.
    </Empty>
  );
}
