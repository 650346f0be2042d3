import { useState } from 'react';
import { useAudit } from '../../api/audit';
import type { AuditEntry, AuditOutcome } from '../../api/types';
import { Card } from '../../components/card';
import { Empty } from '../../components/empty';
import { Loading } from '../../components/loading';
import { OlderButton } from '../../components/older-button';
import { PageHead } from '../../components/page-head';
import { Problem } from '../../components/problem';
import { SearchBox } from '../../components/search-box';
import { Segments } from '../../components/segments';
import { AuditTable } from './audit-table';
import { VerifyChain } from './verify-chain';

type Filter = 'all' | AuditOutcome;

const FILTERS = [
  ['all', 'All'],
  ['succeeded', 'Succeeded'],
  ['failed', 'Failed'],
  ['unknown', 'Unknown'],
  ['open', 'Open'],
] as const;

export function AuditPage() {
  const list = useAudit();
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  const shown = list.items?.filter((entry) => matches(entry, filter, text.toLowerCase()));
  return (
    <>
      <PageHead
        title="Audit log"
        note="Who did what to which thing. An entry is opened before an action and closed after it; nothing is ever changed or removed."
        actions={<VerifyChain />}
      />
      <Card
        flush
        title={
          <SearchBox label="User, action, target, detail" value={text} onChange={setText} data-testid="audit-search" />
        }
        actions={
          <Segments label="Outcome" value={filter} options={FILTERS} onChange={setFilter} testid="audit-filter" />
        }
      >
        {list.error && <Problem error={list.error} />}
        {shown === undefined ? (
          !list.error && <Loading what="Reading the audit log…" />
        ) : (
          <AuditTable entries={shown} empty={<NoEntries />} />
        )}
        <OlderButton list={list} />
      </Card>
    </>
  );
}

function matches(entry: AuditEntry, filter: Filter, text: string): boolean {
  if (filter !== 'all' && entry.outcome !== filter) return false;
  const words = [entry.actor, entry.action, entry.target, entry.channel, entry.source, entry.reason, entry.hash];
  return [...words, JSON.stringify(entry.details)].join(' ').toLowerCase().includes(text);
}

function NoEntries() {
  return (
    <Empty icon="audit" title="No entry fits">
      Clear the search or choose “All”. Older entries may have to be loaded first.
    </Empty>
  );
}
