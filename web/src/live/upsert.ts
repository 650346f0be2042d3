// Pure steps by which a live item changes what is known.

import type { Pages } from '../api/list';

/** Replaces the item with the same key, or adds it at the end. */
export function upsert<T>(items: T[], item: T, key: (item: T) => unknown): T[] {
  const index = items.findIndex((known) => key(known) === key(item));
  return index < 0 ? [...items, item] : items.with(index, item);
}

/** Replaces the item with the same key on whichever page it is, or puts it first of all. */
export function upsertNewest<T>(pages: Pages<T>, item: T, key: (item: T) => unknown): Pages<T> {
  const holder = pages.pages.findIndex((page) => page.items.some((known) => key(known) === key(item)));
  const changed = pages.pages.map((page, index) => {
    if (index === holder) return { ...page, items: upsert(page.items, item, key) };
    return holder < 0 && index === 0 ? { ...page, items: [item, ...page.items] } : page;
  });
  return { ...pages, pages: changed };
}

export function without<T>(items: T[], key: (item: T) => unknown, gone: unknown): T[] {
  return items.filter((item) => key(item) !== gone);
}
