// Starts the real binary on a free port with its own data folder, and prints its log if the test failed.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { expect, test } from '@playwright/test';

const BINARY = process.env.UNDEAD_BIN ?? fileURLToPath(new URL('../../../target/release/undead', import.meta.url));

export class Undead {
  readonly url: string;
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #output: readonly string[];
  readonly #log: string[];
  readonly #dataDir: string | undefined;

  private constructor(
    url: string,
    process: ChildProcessByStdio<null, Readable, Readable>,
    output: readonly string[],
    log: string[],
    dataDir: string | undefined,
  ) {
    this.url = url;
    this.#process = process;
    this.#output = output;
    this.#log = log;
    this.#dataDir = dataDir;
  }

  /** Starts the main server and two nodes in one process, like `make run`. */
  static async up(env: Record<string, string> = {}): Promise<Undead> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'undead-e2e-'));
    return await Undead.start(['up', '--listen', '127.0.0.1:0', '--data-dir', dataDir], env, dataDir);
  }

  static async start(args: string[], env: Record<string, string> = {}, dataDir?: string): Promise<Undead> {
    const child = spawn(path.resolve(BINARY), args, {
      ...(dataDir === undefined ? {} : { cwd: dataDir }),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, UNDEAD_LOG: 'info', ...env },
    });
    const log: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
    const output: string[] = [];
    const lines = createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
    const url = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      child.once('error', reject);
      child.once('exit', (code) => {
        reject(new Error(`undead ${args.join(' ')} exited with ${String(code)}\n${log.join('\n')}`));
      });
    });
    return new Undead(url, child, output, log, dataDir);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The link for creating the first operator, which is printed while there is none. */
  async setupUrl(): Promise<string> {
    const find = (): string | undefined => this.#output.find((line) => line.startsWith('setup_url: '));
    await expect.poll(find).toBeDefined();
    return find()?.replace('setup_url: ', '') ?? '';
  }

  /** The log lines so far. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Log lines that require action. */
  errors(): string[] {
    return this.#log.filter((line) => /\b(ERROR|panicked)\b/.test(line));
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Stops the process and returns its exit status. Prints its log if the test has failed. */
  async stop(): Promise<number | null> {
    if (test.info().errors.length > 0) console.log(`${this.url} logged:\n${this.#log.join('\n')}`);
    const status = await new Promise<number | null>((resolve) => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        resolve(this.#process.exitCode);
        return;
      }
      this.#process.once('exit', resolve);
      this.#process.kill('SIGTERM');
    });
    if (this.#dataDir) {
      await rm(this.#dataDir, { recursive: true, force: true });
    }
    return status;
  }
}
