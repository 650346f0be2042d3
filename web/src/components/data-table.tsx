import {
  flexRender,
  getCoreRowModel,
  getFilteredRowModel,
  getPaginationRowModel,
  getSortedRowModel,
  useReactTable,
  type ColumnDef,
  type Header,
  type Row,
  type SortingState,
} from '@tanstack/react-table';
import { Fragment, useState, type ReactNode } from 'react';
import { Icon } from './icon';
import { Pager } from './pager';

const PAGE_LEN = 50;

interface DataTableProps<T> {
  label: string;
  rows: T[];
  columns: ColumnDef<T, unknown>[];
  rowId: (row: T) => string;
  initialSort?: SortingState;
  /** Shown below a row that was opened; rows cannot be opened without it. */
  detail?: (row: T) => ReactNode;
  empty: ReactNode;
  /** Rows carry `<testid>-row` and their id as `data-id`. */
  testid: string;
}

/** A table that sorts by its heads, and turns pages when it is long. */
export function DataTable<T>(props: DataTableProps<T>) {
  const { label, rows, columns, rowId, initialSort = [], detail, empty, testid } = props;
  const [sorting, setSorting] = useState<SortingState>(initialSort);
  const [open, setOpen] = useState<string | null>(null);
  const table = useReactTable({
    data: rows,
    columns,
    state: { sorting },
    initialState: { pagination: { pageSize: PAGE_LEN } },
    onSortingChange: setSorting,
    getRowId: rowId,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    getFilteredRowModel: getFilteredRowModel(),
    getPaginationRowModel: getPaginationRowModel(),
    // Rows change every few seconds; the reader's page must not.
    autoResetPageIndex: false,
  });
  if (rows.length === 0) return <>{empty}</>;
  return (
    <>
      <div className="table-scroll">
        <table aria-label={label} data-testid={testid}>
          <thead>
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id}>
                {detail && <th className="cell-toggle" aria-label="Details" />}
                {group.headers.map((header) => (
                  <HeadCell key={header.id} header={header} testid={testid} />
                ))}
              </tr>
            ))}
          </thead>
          <tbody>
            {table.getRowModel().rows.map((row) => (
              <Fragment key={row.id}>
                <BodyRow
                  row={row}
                  testid={testid}
                  toggle={detail && { open: open === row.id, set: (on) => setOpen(on ? row.id : null) }}
                />
                {detail && open === row.id && (
                  <tr className="row-detail" data-testid={`${testid}-detail`}>
                    <td colSpan={columns.length + 1}>{detail(row.original)}</td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
      {table.getPageCount() > 1 && (
        <Pager
          page={table.getState().pagination.pageIndex}
          pages={table.getPageCount()}
          onPage={(page) => table.setPageIndex(page)}
        />
      )}
    </>
  );
}

const ARIA_SORT = { asc: 'ascending', desc: 'descending' } as const;

function HeadCell<T>({ header, testid }: { header: Header<T, unknown>; testid: string }) {
  const text = flexRender(header.column.columnDef.header, header.getContext());
  const sorted = header.column.getIsSorted();
  const numeric = header.column.columnDef.meta?.numeric ? 'cell-number' : undefined;
  if (!header.column.getCanSort()) return <th className={numeric}>{text}</th>;
  return (
    <th className={numeric} aria-sort={sorted === false ? 'none' : ARIA_SORT[sorted]}>
      <button
        type="button"
        className={sorted === false ? 'sort' : 'sort sort-on'}
        onClick={header.column.getToggleSortingHandler()}
        data-testid={`${testid}-sort-${header.column.id}`}
      >
        {text}
        <Icon name={sorted === false ? 'sort' : sorted === 'asc' ? 'up' : 'down'} size={13} />
      </button>
    </th>
  );
}

interface BodyRowProps<T> {
  row: Row<T>;
  testid: string;
  toggle: { open: boolean; set: (open: boolean) => void } | undefined;
}

function BodyRow<T>({ row, testid, toggle }: BodyRowProps<T>) {
  return (
    <tr data-testid={`${testid}-row`} data-id={row.id}>
      {toggle && (
        <td className="cell-toggle">
          <button
            type="button"
            className="toggle"
            aria-expanded={toggle.open}
            aria-label={toggle.open ? 'Hide details' : 'Show details'}
            onClick={() => toggle.set(!toggle.open)}
            data-testid={`${testid}-toggle`}
          >
            <Icon name={toggle.open ? 'down' : 'right'} size={15} />
          </button>
        </td>
      )}
      {row.getVisibleCells().map((cell) => (
        <td key={cell.id} className={cell.column.columnDef.meta?.numeric ? 'cell-number' : undefined}>
          {flexRender(cell.column.columnDef.cell, cell.getContext())}
        </td>
      ))}
    </tr>
  );
}
