// Follows a job by its events until it ends. Reconnects with growing pauses. No DOM.

import { backOffMs } from '../api/back-off';
import { asCallError, type CallError } from '../protocol/error';
import type { Job, JobId } from '../protocol/job';
import type { Jobs } from './api';

const RETRY = { firstMs: 500, longestMs: 15_000 };

/** Dependencies and callbacks of {@link follow}. */
export interface FollowSetup {
  jobs: Pick<Jobs, 'events'>;
  /** The job changed. The last call has the job in its final state. */
  changed: (job: Job) => void;
  /** The main server refuses; the job is followed no longer. */
  failed: (error: CallError) => void;
  wait?: (ms: number) => Promise<void>;
}

/** Whether a job has ended, unless a person restarts it. */
export function hasEnded({ state }: Pick<Job, 'state'>): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

/** A function, because the compiler assumes that `aborted` does not change during a wait. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Follows a job until it ends, the server refuses, or `signal` aborts. */
export async function follow(id: JobId, setup: FollowSetup, signal: AbortSignal): Promise<void> {
  const wait = setup.wait ?? ((ms) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
  for (let failures = 1; !signal.aborted; failures++) {
    let problem: CallError | undefined;
    try {
      for await (const job of setup.jobs.events(id, signal)) {
        failures = 0;
        setup.changed(job);
        if (hasEnded(job)) return;
      }
    } catch (error) {
      if (isOver(signal)) return;
      problem = asCallError(error);
      if (!problem.mayPass) {
        setup.failed(problem);
        return;
      }
    }
    await wait(backOffMs(RETRY, Math.max(1, failures), problem));
  }
}
