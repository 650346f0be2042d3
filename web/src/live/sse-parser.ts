// Server-sent events, decoded without I/O (HTML Living Standard, 9.2.6).

export interface ServerEvent {
  type: string;
  data: string;
}

// A line longer than this is not one of ours; the reader gives up instead of filling memory.
const LINE_LEN_MAX = 4 * 1024 * 1024;

export class SseParser {
  private rest = '';
  private type = '';
  private data: string[] = [];

  /** Takes a piece of text, returns the events that it completes. */
  push(piece: string): ServerEvent[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    if (this.rest.length > LINE_LEN_MAX) throw new Error('a line of the event stream is too long');
    return lines.flatMap((line) => this.line(line) ?? []);
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    // A comment: the server shows that it is alive.
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.type = value;
    if (field === 'data') this.data.push(value);
    return undefined;
  }

  private dispatch(): ServerEvent | undefined {
    const event = { type: this.type === '' ? 'message' : this.type, data: this.data.join('\n') };
    const empty = this.data.length === 0;
    this.type = '';
    this.data = [];
    return empty ? undefined : event;
  }
}
