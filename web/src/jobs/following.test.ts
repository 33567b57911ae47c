// A page follows a job over broken connections until the job ends.

import { expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import type { Job, JobState } from '../protocol/job';
import { follow } from './following';

function job(state: JobState, progress = 0): Job {
  return { job_id: 'j', kind: 'stems', item_id: 'i', title: 't', state, progress, created_at_ms: 0, tasks: [] };
}

/** Serves the scripts, one per connection: first jobs, then how the connection ends. */
async function following(scripts: readonly { jobs: Job[]; error?: CallError }[]): Promise<{
  seen: string[];
  problem: string | undefined;
  waits: number;
}> {
  const seen: string[] = [];
  let [problem, waits, connection]: [string | undefined, number, number] = [undefined, 0, 0];
  await follow(
    'j',
    {
      jobs: {
        // eslint-disable-next-line @typescript-eslint/require-await
        events: async function* () {
          const script = scripts[connection++];
          if (script === undefined) throw new CallError('unknown_job', 'gone');
          yield* script.jobs;
          if (script.error !== undefined) throw script.error;
        },
      },
      changed: ({ state, progress }) => seen.push(`${state} ${progress}`),
      failed: ({ code }) => (problem = code),
      wait: () => {
        waits++;
        return Promise.resolve();
      },
    },
    new AbortController().signal,
  );
  return { seen, problem, waits };
}

it('reconnects after a broken connection, and ends with the job', async () => {
  const told = await following([
    { jobs: [job('waiting'), job('running', 0.2)], error: new CallError('unreachable', 'broke') },
    { jobs: [job('running', 0.6)] },
    { jobs: [job('done', 1)] },
    { jobs: [job('done', 1)] },
  ]);
  expect(told.seen).toEqual(['waiting 0', 'running 0.2', 'running 0.6', 'done 1']);
  expect(told.waits).toBe(2);
});

it('reports a job that this person may not see', async () => {
  expect((await following([{ jobs: [] }])).problem).toBe('unknown_job');
});
