import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import type { Gateway } from '../../api/types';
import { DataTable } from '../../components/data-table';
import { Pill } from '../../components/pill';
import { GatewayPill } from '../../components/state-pills';
import { formatRate } from '../../format/bytes';
import { formatDuration } from '../../format/duration';
import { DirtyCell } from './dirty-cell';
import { dirtyBytes, inSync, locationText } from './gateway-figures';
import { SeenCell } from './seen-cell';

const column = createColumnHelper<Gateway>();

const COLUMNS = [
  column.accessor('name', {
    header: 'Gateway',
    cell: ({ row }) => (
      <>
        <Link to={`/gateways/${row.original.id}`} className="strong" data-testid="gateway-link">
          {row.original.name}
        </Link>
        <span className="cell-note mono">{row.original.id}</span>
      </>
    ),
  }),
  column.accessor('state', { header: 'State', cell: ({ row }) => <GatewayPill state={row.original.state} /> }),
  column.accessor(locationText, { id: 'location', header: 'Location' }),
  column.accessor((gateway) => gateway.last_seen_at ?? 0, {
    id: 'last_seen',
    header: 'Last seen',
    cell: ({ row }) => <SeenCell gateway={row.original} />,
  }),
  column.accessor((gateway) => gateway.round_trip_ms ?? -1, {
    id: 'round_trip',
    header: 'Round trip',
    meta: { numeric: true },
    cell: ({ row }) => <RoundTrip gateway={row.original} />,
  }),
  column.accessor((gateway) => dirtyBytes(gateway) ?? -1, {
    id: 'dirty',
    header: 'Unprotected',
    meta: { numeric: true },
    cell: ({ row }) => <DirtyCell gateway={row.original} />,
  }),
  column.accessor((gateway) => gateway.rates?.upload_bytes_per_s ?? -1, {
    id: 'upload',
    header: 'Upload',
    meta: { numeric: true },
    cell: ({ row }) => (row.original.state === 'online' ? formatRate(row.original.rates?.upload_bytes_per_s) : '–'),
  }),
  column.accessor(inSync, {
    id: 'settings',
    header: 'Settings',
    cell: ({ row }) => <SettingsCell gateway={row.original} />,
  }),
  column.accessor((gateway) => gateway.software_version ?? '', {
    id: 'version',
    header: 'Version',
    cell: ({ row }) => row.original.software_version ?? '–',
  }),
] as ColumnDef<Gateway, unknown>[];

function RoundTrip({ gateway }: { gateway: Gateway }) {
  const known = gateway.state === 'online' && gateway.round_trip_ms !== null;
  return <span data-testid="gateway-round-trip">{known ? formatDuration(gateway.round_trip_ms ?? 0) : '–'}</span>;
}

export function SettingsCell({ gateway }: { gateway: Gateway }) {
  if (gateway.state === 'activating') return <span className="faint">–</span>;
  const behind = `reached ${gateway.reached_version ?? 0} of ${gateway.intent_version}`;
  return inSync(gateway) ? (
    <Pill tone="idle" data-testid="gateway-in-sync" title={`Version ${gateway.intent_version}`}>
      In sync
    </Pill>
  ) : (
    <Pill tone="warn" data-testid="gateway-in-sync" title={behind}>
      Behind
    </Pill>
  );
}

export function GatewayTable({ gateways, empty }: { gateways: Gateway[]; empty: ReactNode }) {
  return (
    <DataTable
      label="Gateways"
      rows={gateways}
      columns={COLUMNS}
      rowId={(gateway) => gateway.id}
      initialSort={[{ id: 'name', desc: false }]}
      empty={empty}
      testid="gateways"
    />
  );
}
