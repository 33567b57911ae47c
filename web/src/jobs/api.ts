// The main server's calls about jobs. No DOM.

import { MainServer } from '../api/client';
import type { CreateJob, Job, JobCreated, JobId, JobPage, JobState, Workers } from '../protocol/job';
import type { ItemId } from '../protocol/item';

/** Filters of the list; those that are left out do not apply. */
export interface JobQuery {
  state?: JobState | undefined;
  item_id?: ItemId | undefined;
  cursor?: string | undefined;
}

/** The calls about jobs. All methods throw a CallError on refusal. */
export class Jobs {
  readonly #server: Pick<MainServer, 'call' | 'send' | 'events'>;

  constructor(server: Pick<MainServer, 'call' | 'send' | 'events'> = new MainServer()) {
    this.#server = server;
  }

  /** Starts a job. If the same work was done or is in progress, returns the id of that job. */
  async create(job: CreateJob): Promise<JobId> {
    const { job_id } = await this.#server.call<JobCreated>('/api/jobs', { method: 'POST', body: job });
    return job_id;
  }

  /** The jobs that the caller may see, newest first, without the logs of their tasks. */
  list(query: JobQuery = {}, signal?: AbortSignal): Promise<JobPage> {
    const fields = new URLSearchParams();
    for (const [name, value] of Object.entries(query) as [string, string | undefined][])
      if (value !== undefined) fields.set(name, value);
    return this.#server.call(fields.size === 0 ? '/api/jobs' : `/api/jobs?${fields.toString()}`, { signal });
  }

  job(id: JobId, signal?: AbortSignal): Promise<Job> {
    return this.#server.call(path(id), { signal });
  }

  /**
   * Yields the job now and after each change, until it ends or the connection breaks.
   *
   * @throws CallError if the main server refuses, cannot be reached, or goes silent; or the signal's reason.
   */
  async *events(id: JobId, signal: AbortSignal): AsyncGenerator<Job> {
    for await (const { type, data } of this.#server.events(signal, `${path(id)}/events`)) {
      if (type === 'job') yield JSON.parse(data) as Job;
    }
  }

  async cancel(id: JobId): Promise<void> {
    await this.#server.send(path(id), { method: 'DELETE' });
  }

  /** Starts a failed or cancelled job again. */
  async retry(id: JobId): Promise<void> {
    await this.#server.send(`${path(id)}/retry`, { method: 'POST' });
  }

  workers(signal?: AbortSignal): Promise<Workers> {
    return this.#server.call('/api/workers', { signal });
  }
}

function path(id: JobId): string {
  return `/api/jobs/${encodeURIComponent(id)}`;
}
