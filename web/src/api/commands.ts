import { useMutation, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { ApiError, encode, randomKey, request } from './client';
import { keys } from './keys';
import { UNSETTLED_REFRESH_MS, usePagedList } from './list';
import type { Command, Json } from './types';

export function useCommands(gateway?: string) {
  return usePagedList<Command>({
    key: keys.commands(gateway),
    path: 'commands',
    query: gateway === undefined ? {} : { gateway },
    unsettled: isPending,
  });
}

export function useCommand(id: string) {
  return useQuery({
    queryKey: keys.command(id),
    queryFn: ({ signal }) => request<Command>('GET', `commands/${encode(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && isPending(state.data) ? UNSETTLED_REFRESH_MS : false),
  });
}

const isPending = (command: Command) => command.state === 'pending';

export interface Issue {
  gateway: string;
  method: string;
  params: Json;
}

/** Sends a command to a gateway. Answers once the console has stored it, not when it is done. */
export function useIssueCommand() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ gateway, method, params }: Issue) =>
      request<Command>('POST', `gateways/${encode(gateway)}/commands`, {
        body: { method, params },
        headers: { 'Idempotency-Key': randomKey() },
      }).catch(keptCommand),
    onSuccess: (command) => store(cache, command),
  });
}

/** Sends it again under the same key: a gateway runs it at most once. */
export function useReissueCommand() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      request<Command>('POST', `commands/${encode(id)}/reissue`).catch(keptCommand),
    onSuccess: (command, id) => {
      cache.setQueryData<Command>(keys.command(id), (known) => known && { ...known, reissued_as: command.id });
      return store(cache, command);
    },
  });
}

/** A command that could not be sent is kept as not executed: an outcome, not an error. */
function keptCommand(error: unknown): Command {
  if (error instanceof ApiError && typeof error.body === 'object' && error.body !== null) {
    const { command } = error.body as { command?: Command };
    if (command) return command;
  }
  throw error;
}

function store(cache: QueryClient, command: Command) {
  // The stream may have been faster than this answer and know more.
  cache.setQueryData<Command>(keys.command(command.id), (known) => known ?? command);
  return cache.invalidateQueries({ queryKey: keys.commandsAll });
}
