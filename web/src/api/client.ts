// The one way to call the API.

import { noteServerTime } from '../format/clock';

/** A failure of the server or of our own (`UNREACHABLE`), so its code is any word. */
interface Refusal {
  code: string;
  message: string;
}

/** An answer that says no, with a sentence that says what to do. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: unknown;

  constructor(status: number, failure: Refusal, body: unknown) {
    super(failure.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = failure.code;
    this.body = body;
  }
}

type Query = Record<string, string | number | boolean | undefined>;

export interface RequestOptions {
  body?: unknown;
  query?: Query;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const BASE = '/api/v1/';
const unauthenticatedListeners = new Set<() => void>();

/** Calls `listener` whenever the server says that nobody is logged in. */
export function onUnauthenticated(listener: () => void): () => void {
  unauthenticatedListeners.add(listener);
  return () => unauthenticatedListeners.delete(listener);
}

export async function request<T>(
  method: string,
  path: string,
  { body, query, headers, signal }: RequestOptions = {},
): Promise<T> {
  const answer = await send(path + queryString(query), {
    method,
    credentials: 'same-origin',
    // The header proves that a page of ours sends this, not a form on another site.
    headers: {
      'X-Causeway': 'page',
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  noteServerTime(answer.headers.get('date'));
  const text = await answer.text();
  const json = parse(text);
  if (answer.ok) return json as T;
  if (answer.status === 401) unauthenticatedListeners.forEach((listener) => listener());
  throw new ApiError(answer.status, failureOf(answer.status, json), json);
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(BASE + path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    const message = 'The console does not answer. Check that it runs and that this page can reach it.';
    throw new ApiError(0, { code: 'UNREACHABLE', message }, null);
  }
}

function queryString(query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== '');
  if (pairs.length === 0) return '';
  return '?' + new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
}

function parse(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function failureOf(status: number, json: unknown): Refusal {
  const error = isObject(json) ? json.error : undefined;
  if (isObject(error) && typeof error.message === 'string') {
    const code = typeof error.code === 'string' ? error.code : 'INTERNAL';
    return { code, message: error.message };
  }
  return { code: 'INTERNAL', message: `The console answered ${status} without saying why.` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Random UUID; `crypto.randomUUID` exists on secure origins only, consoles often have no HTTPS. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [8, 12, 16, 20].reduceRight((text, at) => `${text.slice(0, at)}-${text.slice(at)}`, hex);
}

export const encode = encodeURIComponent;
