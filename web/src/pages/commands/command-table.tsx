import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import { useMemo, type ReactNode } from 'react';
import { Link } from 'react-router';
import type { Command } from '../../api/types';
import { Age } from '../../components/age';
import { DataTable } from '../../components/data-table';
import { CommandPill } from '../../components/state-pills';
import { CommandDetail } from './command-detail';
import { paramsText } from './command-marks';
import { MarkTimeline } from './mark-timeline';
import { ReissueButton } from './reissue-button';

interface CommandTableProps {
  commands: Command[];
  /** Names of gateways by id; without it there is no such column. */
  gatewayName?: (id: string) => string;
  empty: ReactNode;
}

const column = createColumnHelper<Command>();

export function CommandTable({ commands, gatewayName, empty }: CommandTableProps) {
  const columns = useMemo(() => commandColumns(gatewayName), [gatewayName]);
  return (
    <DataTable
      label="Commands"
      rows={commands}
      columns={columns}
      rowId={(command) => command.id}
      detail={(command) => <CommandDetail command={command} />}
      empty={empty}
      testid="commands"
    />
  );
}

function commandColumns(gatewayName: CommandTableProps['gatewayName']): ColumnDef<Command, unknown>[] {
  const all = [
    column.accessor('method', {
      header: 'Command',
      cell: ({ row }) => (
        <>
          <span className="mono strong" data-testid="command-method">
            {row.original.method}
          </span>
          <span className="cell-note mono">{paramsText(row.original.params)}</span>
        </>
      ),
    }),
    column.accessor('gateway_id', {
      header: 'Gateway',
      cell: ({ row }) => (
        <Link to={`/gateways/${row.original.gateway_id}`}>{gatewayName?.(row.original.gateway_id)}</Link>
      ),
    }),
    column.accessor('issued_at', {
      header: 'Issued',
      cell: ({ row }) => (
        <>
          <Age at={row.original.issued_at} />
          <span className="cell-note">by {row.original.issued_by}</span>
        </>
      ),
    }),
    column.display({ id: 'marks', header: 'Marks', cell: ({ row }) => <MarkTimeline command={row.original} /> }),
    column.accessor('state', { header: 'Outcome', cell: ({ row }) => <Outcome command={row.original} /> }),
    column.display({ id: 'actions', cell: ({ row }) => <ReissueButton command={row.original} /> }),
  ] as ColumnDef<Command, unknown>[];
  return gatewayName === undefined ? all.filter((_, index) => index !== 1) : all;
}

function Outcome({ command }: { command: Command }) {
  return (
    <div className="outcome">
      <CommandPill state={command.state} />
      {command.reissued_as !== null && <span className="cell-note">reissued</span>}
      {command.error && (
        <p className="cell-note" data-testid="command-error">
          <span className="mono">{command.error.code}</span> {command.error.message}
        </p>
      )}
    </div>
  );
}
