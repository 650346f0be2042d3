import type { Command, Mark } from '../../api/types';

export interface MarkStep {
  mark: Mark;
  at: number | null;
  /** Time since the mark before it that has one. */
  after_ms: number | null;
}

const ORDER: readonly Mark[] = ['accepted', 'delivered', 'started', 'finished'];

/** How far a command is known to have come, step by step. */
export function markSteps(command: Command): MarkStep[] {
  let before: number | null = null;
  return ORDER.map((mark) => {
    const at = command.marks[mark] ?? null;
    const after_ms = at === null || before === null ? null : Math.max(0, at - before);
    before = at ?? before;
    return { mark, at, after_ms };
  });
}

/** From issue to outcome; null while there is none. */
export function commandSpan(command: Command): number | null {
  const finished = command.marks.finished;
  return finished == null ? null : Math.max(0, finished - command.marks.accepted);
}

/** Whether issuing it again makes sense; it is always safe, for the key stays the same. */
export function canReissue(command: Command): boolean {
  if (command.reissued_as !== null) return false;
  switch (command.state) {
    case 'failed':
    case 'not_executed':
    case 'unknown':
      return true;
    case 'pending':
    case 'finished':
      return false;
  }
}

/** Parameters in one line: `share=projects, path=/a`. */
export function paramsText(params: Command['params']): string {
  if (params === null || typeof params !== 'object' || Array.isArray(params)) return '';
  return Object.entries(params)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}
