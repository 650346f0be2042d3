import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { encode, request } from './client';
import { keys } from './keys';
import { fetchWholeList } from './list';
import type { Role, User } from './types';

export function useUsers() {
  return useQuery({
    queryKey: keys.users,
    queryFn: ({ signal }) => fetchWholeList<User>('users', signal),
  });
}

export function useAddUser() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (user: { name: string; password: string; role: Role }) =>
      request<User>('POST', 'users', { body: user }),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.users }),
  });
}

export function useDeleteUser() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => request('DELETE', `users/${encode(name)}`),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.users }),
  });
}
