// @vitest-environment happy-dom
// What people and operators see of jobs, and the effects of their presses.

import type { LitElement } from 'lit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Jobs } from '../../jobs/api';
import type { Me } from '../../protocol/account';
import { CallError } from '../../protocol/error';
import type { Item } from '../../protocol/item';
import type { Job, Task } from '../../protocol/job';
import { AttemptLog } from './attempt-log';
import { ExportDialog } from './export-dialog';
import { ItemJobs } from './item-jobs';
import { JobProgress } from './job-progress';
import { JobTable, type JobEvent } from './job-table';

afterEach(() => document.body.replaceChildren());

async function mount<E extends LitElement>(element: E, properties: object): Promise<E> {
  Object.assign(element, properties);
  document.body.append(element);
  await settle(element);
  return element;
}

async function settle(element: LitElement): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await element.updateComplete;
}

function root(element: LitElement): ShadowRoot {
  if (element.shadowRoot === null) throw new Error('not rendered');
  return element.shadowRoot;
}

function button(element: LitElement, label: string): HTMLButtonElement | undefined {
  return [...root(element).querySelectorAll('button')].find(({ textContent }) => textContent.includes(label));
}

const words = (element: LitElement): string => root(element).textContent.replace(/\s+/g, ' ');

const ITEM = {
  item_id: 'i',
  title: 'Salt',
  state: 'ready',
  owner: 'ann',
  duration_ms: 60_000,
  tracks: [{ kind: 'audio', codec: 'flac' }],
} as Item;
const ANN: Me = {
  account: { name: 'ann', role: 'broadcaster' },
  broadcast: 'open',
  may_broadcast: true,
  setup_needed: false,
  jobs: 'account',
};
const TASK: Task = { n: 0, step: 'separate', state: 'running', attempts: 1, progress: 0.5, worker: 'one' };

function job(more: Partial<Job> = {}): Job {
  const tasks = [TASK, { ...TASK, n: 1, worker: 'two', state: 'done' as const, progress: 1 }];
  return {
    job_id: 'j',
    kind: 'stems',
    item_id: 'i',
    title: 'Salt',
    state: 'running',
    progress: 0.4,
    created_at_ms: 0,
    tasks,
    ...more,
  };
}

/** Calls that record their arguments; the events of a job arrive when `say` is called. */
function fakeJobs(known: Job[] = [], refusal?: CallError): { jobs: Jobs; log: string[]; say: (job: Job) => void } {
  const log: string[] = [];
  const said: Job[] = [];
  let wake = (): void => undefined;
  const jobs = {
    list: () => Promise.resolve({ jobs: known, total: known.length }),
    create: (body: object) => {
      log.push(`create ${JSON.stringify(body)}`);
      return refusal === undefined ? Promise.resolve('j') : Promise.reject(refusal);
    },
    cancel: (id: string) => {
      log.push(`cancel ${id}`);
      return Promise.resolve();
    },
    events: async function* (id: string) {
      log.push(`follow ${id}`);
      for (;;) {
        const next = said.shift();
        if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield next;
      }
    },
  } as unknown as Jobs;
  const say = (next: Job): void => {
    said.push(next);
    wake();
  };
  return { jobs, log, say };
}

describe('<ud-item-jobs>', () => {
  it('starts karaoke, shows who works on it, and cancels', async () => {
    const { jobs, log, say } = fakeJobs();
    const element = await mount(new ItemJobs(), { item: ITEM, me: ANN, jobs });
    button(element, 'Make karaoke')?.click();
    await settle(element);
    expect(log).toEqual(['create {"kind":"stems","item_id":"i"}', 'follow j']);
    say(job());
    await settle(element);
    const progress = root(element).querySelector('ud-job-progress');
    expect(progress?.job.progress).toBe(0.4);
    button(element, 'Cancel')?.click();
    await settle(element);
    expect(log.at(-1)).toBe('cancel j');
    say(job({ state: 'cancelled' }));
    await settle(element);
    expect(button(element, 'Make karaoke')).toBeDefined();
  });

  it('shows the progress of a job that was started earlier', async () => {
    const { jobs, log } = fakeJobs([job()]);
    const element = await mount(new ItemJobs(), { item: ITEM, me: ANN, jobs });
    await settle(element);
    expect(log).toEqual(['follow j']);
    expect(root(element).querySelector('ud-job-progress')).not.toBeNull();
  });

  it('notifies the page when the stems exist, and links to the player', async () => {
    const { jobs, say } = fakeJobs([job()]);
    const element = await mount(new ItemJobs(), { item: ITEM, me: ANN, jobs });
    const heard = vi.fn();
    element.addEventListener('ud-item-linked', heard);
    say(job({ state: 'done', progress: 1, result: ['v', 'a'] }));
    await settle(element);
    expect(heard).toHaveBeenCalledOnce();
    element.item = { ...ITEM, stems: { vocals: 'v', accompaniment: 'a' } };
    await settle(element);
    expect(root(element).querySelector('a')?.getAttribute('href')).toBe('/karaoke/i');
  });

  it('shows the exported files of the item, and a running export until its file can be downloaded', async () => {
    const file = { name: 'Salt.mp3', mime: 'audio/mpeg', bytes: 2_000_000, url: '/api/jobs/e/file' };
    const done = job({ job_id: 'e', kind: 'export', state: 'done', file });
    const { jobs, log, say } = fakeJobs([job({ job_id: 'r', kind: 'export' }), done]);
    const stems = { vocals: 'v', accompaniment: 'a' };
    const element = await mount(new ItemJobs(), { item: { ...ITEM, stems }, me: ANN, jobs });
    await settle(element);
    const links = (): (string | null)[] =>
      [...root(element).querySelectorAll('.files a')].map((link) => link.getAttribute('href'));
    expect([links(), log]).toEqual([['/api/jobs/e/file'], ['follow r']]);
    expect(root(element).querySelectorAll('.files ud-job-progress')).toHaveLength(1);
    say({ ...done, job_id: 'r', file: { ...file, url: '/api/jobs/r/file' } });
    await settle(element);
    expect(links()).toEqual(['/api/jobs/r/file', '/api/jobs/e/file']);
  });

  it('keeps the dialog of an export, and its item, while the page moves on to another item', async () => {
    const { jobs, log } = fakeJobs();
    const element = await mount(new ItemJobs(), { item: ITEM, me: ANN, jobs });
    const dialog = root(element).querySelector('ud-export');
    button(element, 'Export')?.click();
    for (const item of [undefined, { ...ITEM, item_id: 'other', title: 'Other' }]) {
      element.item = item;
      await settle(element);
    }
    expect(root(element).querySelector('ud-export')).toBe(dialog);
    if (dialog === null) throw new Error('no dialog');
    expect(words(dialog)).toContain('Export “Salt”');
    root(dialog)
      .querySelector('form')
      ?.dispatchEvent(new Event('submit', { cancelable: true }));
    await settle(element);
    expect(log[0]).toContain('"item_id":"i"');
  });

  it('shows why a job was refused, and why one failed', async () => {
    const refused = fakeJobs([], new CallError('limit_reached', 'x'));
    const element = await mount(new ItemJobs(), { item: ITEM, me: ANN, jobs: refused.jobs });
    button(element, 'Make karaoke')?.click();
    await settle(element);
    const notice = (of: LitElement): string => root(of).querySelector('ud-notice')?.advice ?? '';
    expect(notice(element)).toContain('Too many jobs');
    const failed = fakeJobs([job({ state: 'failed', error: 'no sound in it' })]);
    const other = await mount(new ItemJobs(), { item: ITEM, me: ANN, jobs: failed.jobs });
    await settle(other);
    expect(notice(other)).toBe('No sound in it.');
    expect(button(other, 'Make karaoke')).toBeDefined();
  });

  it('offers people who may not start jobs only the player, if the song has one', async () => {
    const { jobs } = fakeJobs();
    const element = await mount(new ItemJobs(), { item: ITEM, me: { ...ANN, account: null }, jobs });
    expect(words(element).trim()).toBe('');
    element.item = { ...ITEM, stems: { vocals: 'v', accompaniment: 'a' } };
    await settle(element);
    expect(words(element)).toContain('Open karaoke');
    expect(words(element)).not.toContain('Export');
  });
});

it('<ud-job-progress> draws each task in the colour of its worker, and names the active workers', async () => {
  const element = await mount(new JobProgress(), { job: job({ left_ms: 20_000 }) });
  const pieces = [...root(element).querySelectorAll<HTMLElement>('.piece')];
  expect(pieces.map(({ className }) => className.trim())).toEqual(['piece running w0', 'piece done w1']);
  expect(pieces.map(({ style }) => style.getPropertyValue('--done'))).toEqual(['0.5', '1']);
  expect(root(element).querySelector('ul')?.textContent.replace(/\s+/g, ' ')).toContain('one Separate, 50 %');
  expect(root(element).querySelector('ud-progress')?.text).toBe('40 %, about 20 seconds left');
});

it('<ud-export> exports a clip in the chosen format, and offers the file', async () => {
  const { jobs, log, say } = fakeJobs();
  const element = await mount(new ExportDialog(), { item: ITEM, jobs });
  element.show();
  const dialog = root(element);
  const select = dialog.querySelector<HTMLSelectElement>('#format');
  if (select) select.selectedIndex = 1;
  select?.dispatchEvent(new Event('change'));
  dialog.querySelector<HTMLInputElement>('input[type=checkbox]')?.click();
  await settle(element);
  const write = (id: string, value: string): void => {
    const input = dialog.querySelector<HTMLInputElement>(`#${id}`);
    if (input) input.value = value;
    input?.dispatchEvent(new Event('input'));
  };
  write('from', '0:30');
  write('to', '0:10');
  dialog.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
  await settle(element);
  expect(words(element)).toContain('The end must be after the beginning');
  write('to', '0:40');
  dialog.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
  await settle(element);
  expect(log[0]).toBe(
    'create {"kind":"export","item_id":"i","params":{"format":"flac","from_ms":30000,"to_ms":40000}}',
  );
  say(
    job({
      kind: 'export',
      state: 'done',
      file: { name: 'Salt.flac', mime: 'audio/flac', bytes: 2_000_000, url: '/api/jobs/j/file' },
    }),
  );
  await settle(element);
  expect(words(element)).toContain('Salt.flac is ready, 2 MB.');
  expect(dialog.querySelector('a')?.getAttribute('href')).toBe('/api/jobs/j/file');
});

it('<ud-export> exports what it shows; the default for a video is MP4', async () => {
  const { jobs, log } = fakeJobs();
  const item = { ...ITEM, tracks: [...ITEM.tracks, { kind: 'video', codec: 'avc1' }] };
  const element = await mount(new ExportDialog(), { item, jobs });
  const select = root(element).querySelector<HTMLSelectElement>('#format');
  expect(select?.selectedOptions[0]?.textContent.trim()).toBe('MP4');
  root(element)
    .querySelector('form')
    ?.dispatchEvent(new Event('submit', { cancelable: true }));
  await settle(element);
  expect(log[0]).toContain('"params":{"format":"mp4"}');
});

it('<ud-job-table> retries failed jobs and cancels running ones', async () => {
  const jobs = [job(), job({ job_id: 'f', state: 'failed', error: 'damaged' })];
  const element = await mount(new JobTable(), { jobs });
  const asked: string[] = [];
  element.addEventListener('ud-job', ({ what, job }: JobEvent) => asked.push(`${what} ${job.job_id}`));
  button(element, 'Cancel')?.click();
  button(element, 'Try again')?.click();
  button(element, 'Details')?.click();
  expect(asked).toEqual(['cancel j', 'retry f', 'open j']);
  expect(words(element)).toContain('Damaged.');
});

it('<ud-attempt-log> lists the attempts in order of time', async () => {
  const log = [
    { n: 1, worker: 'one', began_at_ms: 1_000, ended_at_ms: 11_000, outcome: 'lease ended' },
    { n: 2, worker: 'two', began_at_ms: 12_000 },
  ];
  const first = { ...TASK, n: 1, log: [{ n: 1, worker: 'two', began_at_ms: 500, ended_at_ms: 900, outcome: 'done' }] };
  const element = await mount(new AttemptLog(), { job: job({ tasks: [{ ...TASK, log }, first] }) });
  const rows = [...root(element).querySelectorAll('tbody tr')].map((row) =>
    [...row.querySelectorAll('td')].slice(1).map(({ textContent }) => textContent.trim()),
  );
  expect(rows).toEqual([
    ['2', 'Separate', '1', 'two', '0.4 s', 'done'],
    ['1', 'Separate', '1', 'one', '10.0 s', 'lease ended'],
    ['1', 'Separate', '2', 'two', '', 'running'],
  ]);
});
