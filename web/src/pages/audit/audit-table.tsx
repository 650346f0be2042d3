import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import type { ReactNode } from 'react';
import type { AuditEntry } from '../../api/types';
import { DataTable } from '../../components/data-table';
import { OutcomePill } from '../../components/state-pills';
import { formatTime } from '../../format/time';
import { AuditDetail } from './audit-detail';

const column = createColumnHelper<AuditEntry>();

const COLUMNS = [
  column.accessor('at', {
    header: 'Time',
    cell: ({ row }) => <span className="nowrap">{formatTime(row.original.at)}</span>,
  }),
  column.accessor('actor', {
    header: 'Who',
    cell: ({ row }) => (
      <>
        <span className="strong" data-testid="audit-actor">
          {row.original.actor}
        </span>
        <span className="cell-note nowrap">
          {row.original.channel}, {row.original.source}
        </span>
      </>
    ),
  }),
  column.accessor('action', {
    header: 'Action',
    cell: ({ row }) => (
      <span className="mono" data-testid="audit-action">
        {row.original.action}
      </span>
    ),
  }),
  column.accessor('target', {
    header: 'Target',
    cell: ({ row }) => (
      <span className="mono" data-testid="audit-target">
        {row.original.target}
      </span>
    ),
  }),
  column.accessor('outcome', {
    header: 'Outcome',
    cell: ({ row }) => (
      <div className="outcome">
        <OutcomePill outcome={row.original.outcome} />
        {row.original.reason !== null && <p className="cell-note">{row.original.reason}</p>}
      </div>
    ),
  }),
  column.accessor('hash', {
    header: 'Hash',
    enableSorting: false,
    cell: ({ row }) => (
      <span className="mono faint" title={row.original.hash}>
        {row.original.hash.slice(0, 10)}
      </span>
    ),
  }),
] as ColumnDef<AuditEntry, unknown>[];

export function AuditTable({ entries, empty }: { entries: AuditEntry[]; empty: ReactNode }) {
  return (
    <DataTable
      label="Audit log"
      rows={entries}
      columns={COLUMNS}
      rowId={(entry) => String(entry.id)}
      detail={(entry) => <AuditDetail entry={entry} />}
      empty={empty}
      testid="audit"
    />
  );
}
