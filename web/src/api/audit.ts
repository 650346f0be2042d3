import { useMutation } from '@tanstack/react-query';
import { request } from './client';
import { keys } from './keys';
import { usePagedList } from './list';
import type { AuditEntry, ChainReport } from './types';

export function useAudit() {
  return usePagedList<AuditEntry>({
    key: keys.audit,
    path: 'audit',
    unsettled: (entry) => entry.outcome === 'open',
  });
}

/** Lets the console walk the whole hash chain. */
export function useVerifyAudit() {
  return useMutation({ mutationFn: () => request<ChainReport>('GET', 'audit/verify') });
}
