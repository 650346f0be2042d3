// Gathers live items for a moment, so that a thousand gateways make a few renders a second.

const WINDOW_MS = 150;
// More than this in one window means that fetching anew is cheaper than applying one by one.
const BATCH_LEN_MAX = 2_000;

export class Batch<T> {
  private items: T[] = [];
  private overflowed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly flush: (items: T[] | 'overflow') => void;

  constructor(flush: (items: T[] | 'overflow') => void) {
    this.flush = flush;
  }

  push(item: T): void {
    if (this.items.length >= BATCH_LEN_MAX) {
      this.items = [];
      this.overflowed = true;
    }
    if (!this.overflowed) this.items.push(item);
    this.timer ??= setTimeout(() => this.drain(), WINDOW_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private drain(): void {
    const items = this.overflowed ? 'overflow' : this.items;
    this.items = [];
    this.overflowed = false;
    this.timer = undefined;
    this.flush(items);
  }
}
