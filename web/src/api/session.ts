import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, request } from './client';
import { keys } from './keys';
import type { Me, Role } from './types';

/** Who is logged in; null if nobody. */
export function useMe() {
  return useQuery({
    queryKey: keys.me,
    queryFn: async ({ signal }): Promise<Me | null> => {
      try {
        return await request<Me>('GET', 'me', { signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
}

export function useLogin() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (login: { user: string; password: string }) => request<Me>('POST', 'login', { body: login }),
    onSuccess: (answer) => {
      const me: Me = { user: answer.user, expires_at: answer.expires_at };
      cache.setQueryData(keys.me, me);
    },
  });
}

export function useLogout() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => request('POST', 'logout'),
    // First who is there, so that the gate hears of it: it does not watch what was removed.
    onSettled: () => {
      cache.setQueryData(keys.me, null);
      cache.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== keys.me[0] });
    },
  });
}

export function useChangePassword() {
  return useMutation({
    mutationFn: (change: { old: string; new: string }) => request('POST', 'me/password', { body: change }),
  });
}

export type Right = 'operate' | 'administer' | 'audit';

const RIGHTS: Record<Role, readonly Right[]> = {
  admin: ['operate', 'administer', 'audit'],
  operator: ['operate'],
  auditor: ['audit'],
  viewer: [],
};

/** Whether the page should offer something; the server decides in the end. */
export function useCan(right: Right): boolean {
  const { data: me } = useMe();
  return me != null && RIGHTS[me.user.role].includes(right);
}
