// JSON bodies about jobs: slow work on library items, split into tasks for workers. Mirrors crates/protocol/src/job.rs.

import type { ItemId } from './item';

/** 32 lower-case hex digits. */
export type JobId = string;

/** `stems`: a song's vocals and accompaniment. `export`: a file. `waveform`: peaks and loudness. `preview`: pictures of a video. */
export type JobKind = 'stems' | 'export' | 'waveform' | 'preview';

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

/** The container of an exported file. */
export type ExportFormat = 'mp4' | 'webm' | 'mkv' | 'mp3' | 'flac' | 'opus';

/** Quality of an export that is encoded again: close to the item's, or smaller. */
export type ExportQuality = 'high' | 'small';

/** Parameters of a job. The main server refuses parameters that the job's kind does not use. */
export interface JobParams {
  /** For `export` only, as are all others. */
  format?: ExportFormat;
  /** If left out, the codecs stay. */
  quality?: ExportQuality;
  /** Where the clip begins, in the item's time. */
  from_ms?: number;
  /** Where the clip ends. */
  to_ms?: number;
}

/** Body of `POST /api/jobs`. */
export interface CreateJob {
  kind: JobKind;
  item_id: ItemId;
  params?: JobParams;
}

/** Answer to `POST /api/jobs`. */
export interface JobCreated {
  job_id: JobId;
}

/** A file that a job made. */
export interface ResultFile {
  name: string;
  mime: string;
  bytes: number;
  /** A path below the site's root. */
  url: string;
}

export type TaskState = 'waiting' | 'running' | 'done' | 'failed';

/** One attempt at a task. */
export interface Attempt {
  /** From 1. */
  n: number;
  /** Name of the worker. */
  worker: string;
  /** Unix epoch. */
  began_at_ms: number;
  /** Unix epoch; left out while the worker has it. */
  ended_at_ms?: number;
  /** `done`, `handed back`, `lease ended`, or why it failed. */
  outcome?: string;
}

/** A task of a job. */
export interface Task {
  /** From 0. */
  n: number;
  /** `decode`, `separate`, `join`, `measure`, `pictures`, `export`. A newer server may have others. */
  step: string;
  state: TaskState;
  /** How often an attempt began. */
  attempts: number;
  /** Name of the worker that has it or did it. */
  worker?: string;
  /** 0 to 1. */
  progress: number;
  /** The last ten attempts, newest last. */
  log?: Attempt[];
}

/** A job. */
export interface Job {
  job_id: JobId;
  kind: JobKind;
  item_id: ItemId;
  /** The title of the item when the job was made. */
  title: string;
  params?: JobParams;
  /** Left out if the server itself or an operator's command started it. */
  started_by?: string;
  state: JobState;
  /** 0 to 1. */
  progress: number;
  /** Estimated time left; left out while unknown. */
  left_ms?: number;
  /** Unix epoch. */
  created_at_ms: number;
  /** Unix epoch. */
  ended_at_ms?: number;
  /** In order. More may be added. */
  tasks: Task[];
  /** The created items; for `stems` the vocals, then the accompaniment. */
  result?: ItemId[];
  /** What `export` made. */
  file?: ResultFile;
  /** Why it failed. */
  error?: string;
}

/** Answer to `GET /api/jobs`. */
export interface JobPage {
  /** Newest first, without the logs of their tasks. */
  jobs: Job[];
  /** Total over all pages. */
  total: number;
  /** Left out on the last page. */
  next_cursor?: string;
}

/** A worker, as its main server sees it. */
export interface WorkerState {
  worker_id: string;
  name: string;
  version: string;
  /** Maximum of simultaneous tasks. */
  concurrency: number;
  /** Abilities that not every worker has, such as `ffmpeg`. */
  abilities: string[];
  /** Keys of its current tasks. */
  tasks: string[];
  /** Tasks done since it started. */
  done: number;
  /** Failed attempts since it started. */
  failed: number;
  /** Unix epoch. */
  seen_at_ms: number;
}

/** Answer to `GET /api/workers`. */
export interface Workers {
  workers: WorkerState[];
  /** Tasks waiting for a worker. */
  waiting: number;
}

/** Answer to `GET /api/library/{item_id}/waveform`. */
export interface Waveform {
  /** Time that each peak covers. */
  peak_ms: number;
  /** The largest amplitude of each such time, 0 to 255. */
  peaks: number[];
}
