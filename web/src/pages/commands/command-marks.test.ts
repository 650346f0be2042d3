import { expect, it } from 'vitest';
import type { Command } from '../../api/types';
import { canReissue, commandSpan, markSteps, paramsText } from './command-marks';

const NO_MARKS = { delivered: null, started: null, finished: null };
const command = (marks: { accepted: number } & Partial<Command['marks']>, rest: Partial<Command> = {}) =>
  ({ marks: { ...NO_MARKS, ...marks }, state: 'pending', reissued_as: null, ...rest }) as Command;

it('a step tells the time since the last known one, also when marks were lost between', () => {
  const steps = markSteps(command({ accepted: 1_000, delivered: null, started: 1_040, finished: 1_100 }));
  expect(steps.map((step) => step.after_ms)).toEqual([null, null, 40, 60]);
});

it('a command has a span only once it is over', () => {
  expect(commandSpan(command({ accepted: 1_000 }))).toBeNull();
  expect(commandSpan(command({ accepted: 1_000, finished: 1_320 }))).toBe(320);
});

it('what failed is reissued once, what runs or ran well is not', () => {
  const check = (rest: Partial<Command>) => canReissue(command({ accepted: 1 }, rest));
  expect(check({ state: 'not_executed' })).toBe(true);
  expect(check({ state: 'unknown' })).toBe(true);
  expect(check({ state: 'failed' })).toBe(true);
  expect(check({ state: 'failed', reissued_as: 'x' })).toBe(false);
  expect(check({ state: 'pending' })).toBe(false);
  expect(check({ state: 'finished' })).toBe(false);
});

it('parameters read as one line', () => {
  expect(paramsText({ share: 'projects', depth: 2 })).toBe('share=projects, depth=2');
  expect(paramsText(null)).toBe('');
});
