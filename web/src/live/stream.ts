// One long-lived connection to `GET /api/v1/stream`, made again whenever it breaks.
//
//   connecting -> live;  live -> reconnecting -> live;  any -> stopped
//
// It reads with fetch, not EventSource: so it sees the comment lines by which the server shows
// that it is alive, and an answer 401.

import { backoff } from './backoff';
import { SseParser, type ServerEvent } from './sse-parser';

export type LiveState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'reconnecting'; since: number; retry_at: number | null };

export interface StreamHandler {
  state: (state: LiveState) => void;
  /** The connection is there; what was fetched before may have changed unseen. */
  opened: () => void;
  event: (event: ServerEvent) => void;
  unauthenticated: () => void;
}

// The server writes at least every 15 s; after this it is taken for dead.
const SILENCE_MAX_MS = 40_000;

class Unauthenticated extends Error {}

export class LiveStream {
  private readonly url: string;
  private readonly handler: StreamHandler;
  private aborter: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private lostAt: number | null = null;

  constructor(url: string, handler: StreamHandler) {
    this.url = url;
    this.handler = handler;
  }

  start(): void {
    this.stop();
    this.handler.state(this.lostState(null) ?? { kind: 'connecting' });
    const aborter = new AbortController();
    this.aborter = aborter;
    this.read(aborter)
      .catch((error: unknown) => error)
      .then((error) => {
        if (this.aborter !== aborter) return;
        if (error instanceof Unauthenticated) this.handler.unauthenticated();
        else this.retryLater();
      })
      .catch(() => this.retryLater());
  }

  stop(): void {
    clearTimeout(this.timer);
    this.aborter?.abort();
    this.aborter = undefined;
  }

  private async read(aborter: AbortController): Promise<void> {
    const silence = new Watchdog(SILENCE_MAX_MS, () => aborter.abort());
    try {
      const answer = await fetch(this.url, {
        headers: { Accept: 'text/event-stream' },
        credentials: 'same-origin',
        cache: 'no-store',
        signal: aborter.signal,
      });
      if (answer.status === 401) throw new Unauthenticated();
      if (!answer.ok || answer.body === null) throw new Error(`stream answered ${answer.status}`);
      this.connected();
      const parser = new SseParser();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        silence.feed();
        parser.push(value).forEach((event) => this.handler.event(event));
      }
    } finally {
      silence.stop();
    }
  }

  private connected(): void {
    this.attempt = 0;
    this.lostAt = null;
    this.handler.state({ kind: 'live' });
    this.handler.opened();
  }

  private retryLater(): void {
    this.lostAt ??= Date.now();
    const wait_ms = backoff(this.attempt, Math.random());
    this.attempt += 1;
    this.handler.state(this.lostState(Date.now() + wait_ms) ?? { kind: 'connecting' });
    this.timer = setTimeout(() => this.start(), wait_ms);
  }

  private lostState(retry_at: number | null): LiveState | undefined {
    return this.lostAt === null ? undefined : { kind: 'reconnecting', since: this.lostAt, retry_at };
  }
}

/** Barks unless it is fed in time. */
class Watchdog {
  private readonly limit_ms: number;
  private readonly bark: () => void;
  private timer: ReturnType<typeof setTimeout>;

  constructor(limit_ms: number, bark: () => void) {
    this.limit_ms = limit_ms;
    this.bark = bark;
    this.timer = setTimeout(bark, limit_ms);
  }

  feed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.bark, this.limit_ms);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
