import { QueryClient } from '@tanstack/react-query';
import { describe, expect, it, vi } from 'vitest';
import { keys } from '../api/keys';
import type { Pages } from '../api/list';
import type { Command, Gateway } from '../api/types';
import { applyItem } from './apply';
import { backoff } from './backoff';
import { Batch } from './batch';
import { readItem } from './item';
import { SseParser } from './sse-parser';

const gateway = (id: string, state: Gateway['state']) => ({ id, state }) as Gateway;
const command = (id: string, state: Command['state']) => ({ id, gateway_id: 'gw-a', state }) as Command;
const pages = (...ids: string[]): Pages<Command> => ({
  pages: [{ items: ids.map((id) => command(id, 'pending')), next: null }],
  pageParams: [undefined],
});

describe('the event parser', () => {
  it('gives the same events however the stream is cut', () => {
    const text = ': alive\n\nevent: gateway\ndata: {"id":\ndata: 1}\r\n\r\ndata: x\n\nevent: none\n\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parser = new SseParser();
      const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
      expect(events).toEqual([
        { type: 'gateway', data: '{"id":\n1}' },
        { type: 'message', data: 'x' },
      ]);
    }
  });

  it('gives up on a line without end', () => {
    const parser = new SseParser();
    expect(() => parser.push('x'.repeat(5 * 1024 * 1024))).toThrow('too long');
  });
});

describe('live items', () => {
  it('replace what is known and add what is new', () => {
    const cache = new QueryClient();
    cache.setQueryData(keys.gateways, [gateway('gw-a', 'online')]);
    applyItem(cache, { kind: 'gateway', gateway: gateway('gw-a', 'offline') });
    applyItem(cache, { kind: 'gateway', gateway: gateway('gw-b', 'activating') });
    expect(cache.getQueryData(keys.gateways)).toEqual([gateway('gw-a', 'offline'), gateway('gw-b', 'activating')]);
    applyItem(cache, { kind: 'gateway_deleted', id: 'gw-a' });
    expect(cache.getQueryData(keys.gateways)).toEqual([gateway('gw-b', 'activating')]);
  });

  it('do not invent lists that nobody asked for', () => {
    const cache = new QueryClient();
    applyItem(cache, { kind: 'gateway', gateway: gateway('gw-a', 'online') });
    expect(cache.getQueryData(keys.gateways)).toBeUndefined();
  });

  it('put a new command first and an older one in its place', () => {
    const cache = new QueryClient();
    cache.setQueryData(keys.commands(undefined), pages('2', '1'));
    applyItem(cache, { kind: 'command', command: command('1', 'finished') });
    applyItem(cache, { kind: 'command', command: command('3', 'pending') });
    const known = cache.getQueryData<Pages<Command>>(keys.commands(undefined));
    expect(known?.pages[0]?.items.map((item) => [item.id, item.state])).toEqual([
      ['3', 'pending'],
      ['2', 'pending'],
      ['1', 'finished'],
    ]);
  });

  it('read deletions, shares with their gateway, and ignore what is unknown', () => {
    expect(readItem({ type: 'gateway', data: '{"id":"gw-a","deleted":true}' })).toEqual({
      kind: 'gateway_deleted',
      id: 'gw-a',
    });
    expect(readItem({ type: 'share', data: '{"gateway_id":"gw-a","settings":{"name":"s"}}' })).toEqual({
      kind: 'share',
      gateway_id: 'gw-a',
      share: { settings: { name: 's' } },
    });
    expect(readItem({ type: 'weather', data: '{}' })).toBeUndefined();
  });
});

describe('the batch', () => {
  it('hands over everything once, and says so when it was too much', () => {
    vi.useFakeTimers();
    const flushed: (number | 'overflow')[] = [];
    const batch = new Batch<number>((items) => flushed.push(items === 'overflow' ? items : items.length));
    for (let i = 0; i < 3; i += 1) batch.push(i);
    vi.runAllTimers();
    for (let i = 0; i < 3_000; i += 1) batch.push(i);
    vi.runAllTimers();
    batch.push(1);
    vi.runAllTimers();
    expect(flushed).toEqual([3, 'overflow', 1]);
    vi.useRealTimers();
  });
});

describe('backoff', () => {
  it('grows to a ceiling and never reaches zero', () => {
    expect(backoff(0, 0)).toBe(250);
    expect(backoff(3, 0.5)).toBe(3_000);
    expect(backoff(1_000, 0.999)).toBeLessThanOrEqual(15_000);
  });
});
