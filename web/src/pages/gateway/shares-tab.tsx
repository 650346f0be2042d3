import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { useShares } from '../../api/shares';
import { useCan } from '../../api/session';
import type { Gateway, Share } from '../../api/types';
import { Card } from '../../components/card';
import { CopyButton } from '../../components/copy-button';
import { DataTable } from '../../components/data-table';
import { Empty } from '../../components/empty';
import { LinkButton } from '../../components/link-button';
import { Loading } from '../../components/loading';
import { Problem } from '../../components/problem';
import { SharePill } from '../../components/state-pills';
import { formatBytes, formatRate } from '../../format/bytes';
import { formatSpan } from '../../format/duration';
import { formatCount, plural } from '../../format/number';
import { bucketText, shareProblem } from '../share/share-figures';

interface SharesTabProps {
  gateway: Gateway;
  stale: boolean;
}

export function SharesTab({ gateway, stale }: SharesTabProps) {
  const { data: shares, error } = useShares(gateway.id);
  const columns = useMemo(() => shareColumns(gateway.id, stale), [gateway.id, stale]);
  return (
    <Card flush>
      {error && <Problem error={error} />}
      {shares === undefined ? (
        !error && <Loading what="Reading the shares…" />
      ) : (
        <DataTable
          label="Shares"
          rows={shares}
          columns={columns}
          rowId={(share) => share.settings.name}
          initialSort={[{ id: 'name', desc: false }]}
          empty={<NoShares gateway={gateway} />}
          testid="shares"
        />
      )}
    </Card>
  );
}

const column = createColumnHelper<Share>();

function shareColumns(gateway_id: string, stale: boolean): ColumnDef<Share, unknown>[] {
  const grey = stale ? 'stale' : undefined;
  return [
    column.accessor((share) => share.settings.name, {
      id: 'name',
      header: 'Share',
      cell: ({ row }) => <NameCell gateway_id={gateway_id} share={row.original} />,
    }),
    column.accessor((share) => share.status?.state ?? '', {
      id: 'state',
      header: 'State',
      cell: ({ row }) => <StateCell share={row.original} stale={stale} />,
    }),
    column.accessor((share) => share.status?.dirty_bytes ?? -1, {
      id: 'dirty',
      header: 'Unprotected',
      meta: { numeric: true },
      cell: ({ row }) => <DirtyCell share={row.original} grey={grey} />,
    }),
    column.accessor((share) => share.status?.upload_queue ?? -1, {
      id: 'queue',
      header: 'Queue',
      meta: { numeric: true },
      cell: ({ row }) => (
        <span className={grey} data-testid="share-queue">
          {row.original.status === null ? '–' : formatCount(row.original.status.upload_queue)}
        </span>
      ),
    }),
    column.accessor((share) => share.rates?.upload_bytes_per_s ?? -1, {
      id: 'upload',
      header: 'Upload',
      meta: { numeric: true },
      cell: ({ row }) => <Rate value={stale ? null : row.original.rates?.upload_bytes_per_s} testid="share-upload" />,
    }),
    column.accessor((share) => share.rates?.write_bytes_per_s ?? -1, {
      id: 'write',
      header: 'Written',
      meta: { numeric: true },
      cell: ({ row }) => <Rate value={stale ? null : row.original.rates?.write_bytes_per_s} testid="share-write" />,
    }),
    column.display({ id: 'mount', header: 'Mount', cell: ({ row }) => <MountCell share={row.original} /> }),
  ] as ColumnDef<Share, unknown>[];
}

function NameCell({ gateway_id, share }: { gateway_id: string; share: Share }) {
  const { name } = share.settings;
  return (
    <>
      <Link to={`/gateways/${gateway_id}/shares/${name}`} className="strong" data-testid="share-link">
        {name}
      </Link>
      <span className="cell-note mono">{bucketText(share.settings.bucket)}</span>
    </>
  );
}

function StateCell({ share, stale }: { share: Share; stale: boolean }) {
  const problem = shareProblem(share);
  return (
    <div className="outcome">
      <SharePill share={share} stale={stale} />
      {problem !== null && (
        <p className="cell-note" data-testid="share-error">
          {problem}
        </p>
      )}
    </div>
  );
}

function DirtyCell({ share, grey }: { share: Share; grey: string | undefined }) {
  const { status } = share;
  if (status === null) return <span className="faint">–</span>;
  return (
    <span className={grey}>
      <span data-testid="share-dirty">{formatBytes(status.dirty_bytes)}</span>
      {status.dirty_bytes > 0 && (
        <span className="cell-note">
          {plural(status.dirty_files, 'file')}, oldest {formatSpan(status.oldest_dirty_age_ms)}
        </span>
      )}
    </span>
  );
}

function Rate({ value, testid }: { value: number | null | undefined; testid: string }) {
  return <span data-testid={testid}>{formatRate(value)}</span>;
}

function MountCell({ share }: { share: Share }) {
  if (share.mount_command === null) return <span className="faint">not yet</span>;
  return (
    <span className="row">
      <CopyButton text={share.mount_command} what="mount command" data-testid="share-mount-copy" />
    </span>
  );
}

function NoShares({ gateway }: { gateway: Gateway }) {
  const allowed = useCan('operate');
  return (
    <Empty
      icon="share"
      title="No share yet"
      action={
        allowed && (
          <LinkButton to={`/gateways/${gateway.id}/shares/new`} kind="primary" icon="plus" data-testid="empty-create-share">
            Create share
          </LinkButton>
        )
      }
    >
      A share serves one bucket, or a part of it, as a directory tree over NFS. Files are kept on the gateway’s
      cache disk and uploaded as ordinary objects.
    </Empty>
  );
}
