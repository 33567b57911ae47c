// Texts about jobs: time left, percent, and who works on what.

import { expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import type { Task } from '../protocol/job';
import { leftText, percent, progressText, startProblem, stepText, workersOf } from './words';

const task = (n: number, more: Partial<Task>): Task => ({
  n,
  step: 'separate',
  state: 'waiting',
  attempts: 0,
  progress: 0,
  ...more,
});

it('says roughly how long a job will take', () => {
  expect([undefined, 0, 7_400, 33_000, 61_000, 5_000_000, 9_000_000].map(leftText)).toEqual([
    '',
    'about 1 second left',
    'about 7 seconds left',
    'about 35 seconds left',
    'about 1 minute left',
    'about 83 minutes left',
    'about 3 hours left',
  ]);
});

it('shows 100 percent only when the job is done', () => {
  expect([0, 0.29, 0.999, 1, 1.2, -1, NaN].map(percent)).toEqual([0, 29, 99, 100, 100, 0, 0]);
  expect(progressText({ state: 'waiting', progress: 0 })).toBe('Waiting for a worker');
  expect(progressText({ state: 'running', progress: 0.5, left_ms: 20_000 })).toBe('50 %, about 20 seconds left');
});

it('lists who works on a job and who has worked on it', () => {
  const tasks = [
    task(0, { state: 'done', worker: 'b' }),
    task(1, { state: 'running', worker: 'a' }),
    task(2, { state: 'running', worker: 'a' }),
    task(3, {}),
  ];
  expect(workersOf({ tasks })).toEqual({ all: ['a', 'b'], busy: [{ worker: 'a', tasks: [tasks[1], tasks[2]] }] });
});

it('shows the raw name of a step that only a newer server knows', () => {
  expect([stepText('separate'), stepText('transcribe')]).toEqual(['Separate', 'transcribe']);
});

it('says why a job could not be started', () => {
  expect(startProblem(new CallError('limit_reached', 'x'))).toContain('Too many jobs');
  expect(startProblem(new CallError('unreachable', 'x'))).toBe(startProblem(new CallError('timeout', 'x')));
});
