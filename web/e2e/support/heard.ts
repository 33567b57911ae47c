// Measures what a page plays through Web Audio: everything that goes to the loudspeaker also goes to an analyser. Must
// run before the page, in Chromium and in Firefox.

/** The source of the script that installs the analyser. */
export const TAP = `(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    const { context } = this;
    if (target === context.destination) {
      const analyser = new AnalyserNode(context, { fftSize: 32768 });
      connect.call(this, analyser);
      window.heard = { analyser, context };
    }
    return connect.call(this, target, ...rest);
  };
})()`;

/** Measurements of the last 0.7 s. */
export interface Heard {
  rms: number;
  /** Frequency of a pure tone, by its zero crossings. */
  hertz: number;
  isRunning: boolean;
}

/** Measures. To be evaluated in the page. */
export function measureHeard(): Heard {
  const { heard } = window as unknown as { heard?: { analyser: AnalyserNode; context: AudioContext } };
  if (heard === undefined) return { rms: 0, hertz: 0, isRunning: false };
  const samples = new Float32Array(heard.analyser.fftSize);
  heard.analyser.getFloatTimeDomainData(samples);
  let [sum, crossings, first, last] = [0, 0, 0, 0];
  for (let i = 1; i < samples.length; i++) {
    const [before, now] = [samples[i - 1] ?? 0, samples[i] ?? 0];
    sum += now * now;
    if (!(before < 0 && now >= 0)) continue;
    // Interpolates the zero crossing between two samples.
    const at = i - 1 + before / (before - now);
    if (crossings === 0) first = at;
    last = at;
    crossings++;
  }
  const hertz = crossings > 1 ? ((crossings - 1) * heard.context.sampleRate) / (last - first) : 0;
  return { rms: Math.sqrt(sum / samples.length), hertz, isRunning: heard.context.state === 'running' };
}
