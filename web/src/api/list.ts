// Lists that arrive in pages: `{items, next}`.

import { useInfiniteQuery, type InfiniteData, type QueryKey } from '@tanstack/react-query';
import { request } from './client';
import type { Page } from './types';

export type Pages<T> = InfiniteData<Page<T>, string | undefined>;

const PAGE_LEN = 200;
// An answer that was slower than the stream may have put an older state back.
export const UNSETTLED_REFRESH_MS = 10_000;

interface PagedList<T> {
  key: QueryKey;
  path: string;
  query?: Record<string, string>;
  /** Whether an item is still on its way; the list is asked for again while there is one. */
  unsettled?: (item: T) => boolean;
}

/** Newest first, older items on demand. */
export function usePagedList<T>({ key, path, query = {}, unsettled = () => false }: PagedList<T>) {
  const result = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) =>
      request<Page<T>>('GET', path, { query: { ...query, limit: PAGE_LEN, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some(unsettled)) ? UNSETTLED_REFRESH_MS : false,
  });
  return {
    items: result.data?.pages.flatMap((page) => page.items),
    error: result.error,
    hasOlder: result.hasNextPage,
    loadingOlder: result.isFetchingNextPage,
    loadOlder: () => void result.fetchNextPage(),
  };
}

const WHOLE_LIST_PAGE_LEN = 1000;
const WHOLE_LIST_PAGES_MAX = 20;

/** The whole list, for tables that sort and filter on the page. */
export async function fetchWholeList<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < WHOLE_LIST_PAGES_MAX; page += 1) {
    const query = { limit: WHOLE_LIST_PAGE_LEN, cursor };
    const answer = await request<Page<T>>('GET', path, { query, signal });
    items.push(...answer.items);
    if (answer.next === null || answer.next === undefined) break;
    cursor = answer.next;
  }
  return items;
}
