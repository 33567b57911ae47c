// Shifts the pitch of sound and keeps its tempo, sample by sample. A read head runs through the last moments of the
// input at the ratio of the pitches. When it comes too close to the newest sample, or too far from it, it jumps by a
// whole number of periods to where the sound is most similar, with a cross-fade (WSOLA). Input and output have the same
// length, so the tempo stays whatever the ratio. At ratio 1 the output is the delayed input. It runs on the audio
// thread and allocates nothing after construction. No DOM.

/** Samples kept per channel; a power of two. */
const KEPT = 16_384;
/**
 * Shortest and longest jump of the read head, s: from one period of a low voice to less than the ear hears as an echo.
 */
const LEAST_MOVE_S = 0.012;
const MOST_MOVE_S = 0.036;
/** Length of the cross-fade, s. */
const FADE_S = 0.012;
/** Similarity is compared every few samples first, then at every sample around the best match. */
const COARSE = 4;

/** A pitch shifter for one or more channels. */
export class PitchShifter {
  readonly #channels: Float32Array[];
  /** Sum of all channels, for the comparison. */
  readonly #mono = new Float32Array(KEPT);
  readonly #leastMove: number;
  readonly #mostMove: number;
  readonly #fade: number;
  readonly #nearest: number;
  readonly #farthest: number;
  #ratio = 1;
  /** Samples received. */
  #written = 0;
  #head: number;
  /** Position of the read head that fades out. */
  #old = 0;
  /** Samples until the fade ends. */
  #fading = 0;

  constructor(sampleRate: number, channels: number) {
    this.#channels = Array.from({ length: channels }, () => new Float32Array(KEPT));
    const samples = (seconds: number): number => Math.round(seconds * Math.min(sampleRate, 96_000));
    this.#leastMove = samples(LEAST_MOVE_S);
    this.#mostMove = samples(MOST_MOVE_S);
    this.#fade = samples(FADE_S);
    // The part that fades out is read at up to twice the speed.
    this.#nearest = 2 * this.#fade + 4;
    this.#farthest = this.#nearest + this.#mostMove + this.#fade;
    this.#head = -this.#nearest - this.#leastMove;
  }

  /** The largest delay of the output behind the input, in samples. */
  get mostDelay(): number {
    return this.#farthest + this.#fade;
  }

  /** The new frequency divided by the old one, 0.5 to 2. */
  set ratio(ratio: number) {
    this.#ratio = Math.min(2, Math.max(0.5, ratio));
    // Between two samples, reading at the same pitch would average neighbours.
    if (this.#ratio === 1) this.#head = Math.round(this.#head);
  }

  /** Processes `count` samples. A missing input channel counts as silent. */
  process(input: readonly Float32Array[], output: readonly Float32Array[], count: number): void {
    for (let i = 0; i < count; i++) {
      this.#write(input, i);
      this.#stepHead();
      const share = this.#fading / this.#fade;
      for (let c = 0; c < output.length; c++) {
        const channel = this.#channels[c];
        const out = output[c];
        if (channel === undefined || out === undefined) continue;
        const now = read(channel, this.#head);
        out[i] = this.#fading > 0 ? now * (1 - share) + read(channel, this.#old) * share : now;
      }
    }
  }

  #write(input: readonly Float32Array[], i: number): void {
    const at = this.#written & (KEPT - 1);
    let sum = 0;
    for (let c = 0; c < this.#channels.length; c++) {
      const sample = input[c]?.[i] ?? 0;
      const channel = this.#channels[c];
      if (channel !== undefined) channel[at] = sample;
      sum += sample;
    }
    this.#mono[at] = sum;
    this.#written++;
  }

  #stepHead(): void {
    this.#head += this.#ratio;
    if (this.#fading > 0) {
      this.#fading--;
      this.#old += this.#ratio;
      return;
    }
    if (this.#ratio === 1) return;
    const delay = this.#written - this.#head;
    if (delay < this.#nearest) this.#move(-1);
    else if (delay > this.#farthest) this.#move(1);
  }

  /** Jumps back or forth to a similar place. */
  #move(direction: 1 | -1): void {
    const distance = this.#alike(direction);
    this.#old = this.#head;
    this.#head += direction * distance;
    this.#fading = this.#fade;
  }

  #alike(direction: 1 | -1): number {
    let best = this.#leastMove;
    let most = -Infinity;
    for (let move = this.#leastMove; move <= this.#mostMove; move += COARSE) {
      const likeness = this.#likeness(direction * move, COARSE);
      if (likeness > most) [best, most] = [move, likeness];
    }
    const [from, to] = [Math.max(this.#leastMove, best - COARSE), Math.min(this.#mostMove, best + COARSE)];
    most = -Infinity;
    for (let move = from; move <= to; move++) {
      const likeness = this.#likeness(direction * move, 1);
      if (likeness > most) [best, most] = [move, likeness];
    }
    return best;
  }

  /** Normalised correlation between the sound at the read head and the sound `move` samples away. */
  #likeness(move: number, step: number): number {
    const here = Math.floor(this.#head);
    let [product, energy] = [0, 1e-9];
    for (let i = 0; i < this.#fade; i += step) {
      const a = this.#mono[(here + i) & (KEPT - 1)] ?? 0;
      const b = this.#mono[(here + move + i) & (KEPT - 1)] ?? 0;
      product += a * b;
      energy += b * b;
    }
    return product / Math.sqrt(energy);
  }
}

/** Interpolates between samples: a cubic through four of them (Catmull-Rom). */
function read(channel: Float32Array, at: number): number {
  const whole = Math.floor(at);
  const t = at - whole;
  const b = channel[whole & (KEPT - 1)] ?? 0;
  if (t === 0) return b;
  const a = channel[(whole - 1) & (KEPT - 1)] ?? 0;
  const c = channel[(whole + 1) & (KEPT - 1)] ?? 0;
  const d = channel[(whole + 2) & (KEPT - 1)] ?? 0;
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}
