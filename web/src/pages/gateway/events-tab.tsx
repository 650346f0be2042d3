import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import { useState } from 'react';
import { useEvents } from '../../api/events';
import type { GatewayEvent, Severity } from '../../api/types';
import { Age } from '../../components/age';
import { Card } from '../../components/card';
import { DataTable } from '../../components/data-table';
import { Empty } from '../../components/empty';
import { Loading } from '../../components/loading';
import { OlderButton } from '../../components/older-button';
import { Problem } from '../../components/problem';
import { Segments } from '../../components/segments';
import { SeverityPill } from '../../components/state-pills';
import { formatTime } from '../../format/time';

const RANK: Record<Severity, number> = { info: 0, warning: 1, error: 2 };

const FILTERS = [
  ['info', 'All'],
  ['warning', 'Warnings and errors'],
  ['error', 'Errors'],
] as const;

const column = createColumnHelper<GatewayEvent>();

const COLUMNS = [
  column.accessor('at', {
    header: 'Time',
    cell: ({ row }) => (
      <>
        <Age at={row.original.at} />
        <span className="cell-note">{formatTime(row.original.at)}</span>
      </>
    ),
  }),
  column.accessor((event) => RANK[event.severity], {
    id: 'severity',
    header: 'Severity',
    cell: ({ row }) => <SeverityPill severity={row.original.severity} />,
  }),
  column.accessor((event) => event.share ?? '', {
    id: 'share',
    header: 'Share',
    cell: ({ row }) => row.original.share ?? '–',
  }),
  column.accessor('message', {
    header: 'What happened',
    enableSorting: false,
    cell: ({ row }) => <span data-testid="event-message">{row.original.message}</span>,
  }),
] as ColumnDef<GatewayEvent, unknown>[];

export function EventsTab({ gateway_id }: { gateway_id: string }) {
  const list = useEvents(gateway_id);
  const [least, setLeast] = useState<Severity>('info');
  const shown = list.items?.filter((event) => RANK[event.severity] >= RANK[least]);
  return (
    <Card
      flush
      title="Events"
      actions={<Segments label="Severity" value={least} options={FILTERS} onChange={setLeast} testid="events-filter" />}
    >
      {list.error && <Problem error={list.error} />}
      {shown === undefined ? (
        !list.error && <Loading what="Reading the events…" />
      ) : (
        <DataTable
          label="Events"
          rows={shown}
          columns={COLUMNS}
          rowId={(event) => String(event.id)}
          empty={
            <Empty icon="clock" title="Nothing happened">
              A gateway tells here when it connects, when a share changes its state, and when uploads fail.
            </Empty>
          }
          testid="events"
        />
      )}
      <OlderButton list={list} />
    </Card>
  );
}
