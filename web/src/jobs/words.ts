// What pages say about jobs. Pure: jobs in, texts out.

import { refusalText } from '../people/problems';
import { CallError } from '../protocol/error';
import type { Job, Task } from '../protocol/job';
import { strings } from '../strings';

const texts = strings.jobs;

/** The label of a task's step. */
export function stepText(step: string): string {
  return step in texts.steps ? texts.steps[step as keyof typeof texts.steps] : step;
}

/** Roughly how long a job will take; empty if unknown. */
export function leftText(leftMs: number | undefined): string {
  if (leftMs === undefined) return '';
  const seconds = Math.max(1, Math.round(leftMs / 1000));
  if (seconds < 60) return texts.left.seconds(seconds < 10 ? seconds : Math.round(seconds / 5) * 5);
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? texts.left.minutes(minutes) : texts.left.hours(Math.round(minutes / 60));
}

/** A share of 0 to 1 in whole percent; 100 only when it is complete. */
export function percent(share: number): number {
  const whole = Math.floor(Math.min(1, Math.max(0, share)) * 100 + 1e-9);
  return Number.isFinite(whole) ? whole : 0;
}

/** Percent and time left of a job. */
export function progressText({ progress, left_ms, state }: Pick<Job, 'progress' | 'left_ms' | 'state'>): string {
  if (state === 'waiting') return texts.item.waiting;
  return [texts.percent(percent(progress)), leftText(left_ms)].filter((text) => text !== '').join(', ');
}

/** Why a job could not be started. */
export function startProblem(error: unknown): string {
  const { problems } = texts;
  const code = error instanceof CallError ? error.code : '';
  return code in problems ? problems[code as keyof typeof problems] : refusalText(error);
}

/** A worker and the tasks that it has now. */
export interface Busy {
  worker: string;
  tasks: readonly Task[];
}

/** Who works on a job now, and all who have worked on it, by name. */
export function workersOf({ tasks }: Pick<Job, 'tasks'>): { all: string[]; busy: Busy[] } {
  const all = [...new Set(tasks.flatMap(({ worker }) => worker ?? []))].sort();
  const busy = all.flatMap((worker) => {
    const own = tasks.filter((task) => task.worker === worker && task.state === 'running');
    return own.length === 0 ? [] : [{ worker, tasks: own }];
  });
  return { all, busy };
}
