// A sound card in this process: a separate PulseAudio server that browsers play to, and a recording of all of them
// together. Tones of different pitch tell when each was heard, on one clock.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const RATE = 48_000;
/** The envelope of a pitch is computed every millisecond, over this window. */
const WINDOW_MS = 6;
/** A tone begins where its envelope exceeds this share of the maximum. */
const BEGINS_AT = 0.4;

/** A PulseAudio server with a recorder. */
export class Loudspeaker {
  readonly #folder: string;
  readonly #server: ChildProcess;
  #recorder: ChildProcess | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    const modules = [
      `module-native-protocol-unix socket=${this.#socket} auth-anonymous=1`,
      `module-null-sink sink_name=heard rate=${RATE} channels=1`,
    ];
    const load = modules.flatMap((module) => ['-L', module]);
    const always = ['--exit-idle-time=-1', '--daemonize=no', '--use-pid-file=no', '--disable-shm=yes'];
    this.#server = spawn('pulseaudio', ['-n', ...always, ...load], { env: this.env, stdio: 'ignore' });
  }

  static async open(): Promise<Loudspeaker> {
    const speaker = new Loudspeaker(await mkdtemp(path.join(tmpdir(), 'undead-sound-')));
    for (let tries = 0; !(await answers(speaker.#socket)); tries++) {
      if (tries > 100) throw new Error('PulseAudio does not start');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    speaker.#record();
    return speaker;
  }

  /** The environment for starting a browser. */
  get env(): Record<string, string> {
    const own = { HOME: this.#folder, XDG_RUNTIME_DIR: this.#folder, PULSE_SERVER: `unix:${this.#socket}` };
    return { ...(process.env as Record<string, string>), ...own };
  }

  get #socket(): string {
    return path.join(this.#folder, 'sound');
  }

  /** One recorder runs from the beginning: starting or ending one changes the latency of the sink. */
  #record(): void {
    const format = ['--raw', '--format=s16le', `--rate=${RATE}`, '--channels=1', '--latency-msec=50'];
    this.#recorder = spawn('parec', ['-d', 'heard.monitor', ...format], { env: this.env });
    this.#recorder.stdout?.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    });
  }

  /** Records 16-bit samples from now on for `ms`. */
  async hear(ms: number): Promise<Buffer> {
    const from = this.#bytes - (this.#bytes % 2);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return Buffer.concat(this.#chunks).subarray(from);
  }

  async close(): Promise<void> {
    this.#recorder?.kill();
    this.#server.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The start times of tones of this pitch in a recording, ms from its start. */
export function beginnings(recording: Buffer, pitch: number): number[] {
  const heard = Int16Array.from({ length: recording.length >> 1 }, (_, i) => recording.readInt16LE(i * 2));
  const loudness = envelope(heard, pitch);
  const most = loudness.reduce((a, b) => Math.max(a, b), 0);
  const found: number[] = [];
  if (most < 50) return found;
  let isLoud = true;
  for (const [ms, value] of loudness.entries()) {
    if (value > most * BEGINS_AT && !isLoud) found.push(ms);
    if (value > most * BEGINS_AT) isLoud = true;
    else if (value < (most * BEGINS_AT) / 2) isLoud = false;
  }
  return found;
}

/** The loudness of a pitch in each millisecond. */
function envelope(heard: Int16Array, pitch: number): Float64Array {
  const hop = RATE / 1000;
  const size = hop * WINDOW_MS;
  const result = new Float64Array(Math.max(0, Math.floor((heard.length - size) / hop)));
  const wave = Float64Array.from({ length: size * 2 }, (_, i) => {
    const angle = (2 * Math.PI * pitch * (i >> 1)) / RATE;
    const fade = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i >> 1)) / size);
    return (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle)) * fade;
  });
  for (let ms = 0; ms < result.length; ms++) {
    let [re, im] = [0, 0];
    for (let i = 0; i < size; i++) {
      const sample = heard[ms * hop + i] ?? 0;
      re += sample * (wave[2 * i] ?? 0);
      im += sample * (wave[2 * i + 1] ?? 0);
    }
    result[ms] = Math.hypot(re, im) / size;
  }
  return result;
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => resolve(false));
  });
}
