// When the first sound of a song leaves the page after a click, and what came before it. Runs in a page of the library.

/** In ms since the click. */
export interface FirstSound {
  /** The main server had answered with the permission to play. */
  allowedMs: number;
  /** The manifest was requested, and the first media was appended to a buffer. */
  manifestMs: number;
  appendedMs: number;
  /** The media element played. */
  playingMs: number;
  /** Samples that are not silent. */
  soundMs: number;
}

/** Listens to the media element of the library's page from now on. */
export async function noteFirstSound(): Promise<void> {
  const page = document.querySelector('ud-library-page')?.shadowRoot;
  const video = page?.querySelector('ud-deck')?.shadowRoot?.querySelector('video');
  if (!video) throw new Error('no media element');
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 256;
  context.createMediaElementSource(video).connect(analyser).connect(context.destination);
  await context.resume();
  const marks: Partial<Record<string, number>> = {};
  video.addEventListener('playing', () => (marks.playing ??= performance.now()));
  document.addEventListener('click', ({ timeStamp }) => (marks.click ??= timeStamp), { capture: true });
  const append = Object.getOwnPropertyDescriptor(SourceBuffer.prototype, 'appendBuffer');
  SourceBuffer.prototype.appendBuffer = function (this: SourceBuffer, bytes: BufferSource) {
    marks.appended ??= performance.now();
    (append?.value as SourceBuffer['appendBuffer']).call(this, bytes);
  };
  const samples = new Float32Array(analyser.fftSize);
  const heard = new Promise<FirstSound>((resolve) => {
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      if (!samples.some((sample) => Math.abs(sample) > 0.002)) return;
      clearInterval(timer);
      const click = marks.click ?? NaN;
      const requests = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
      const find = (end: string): PerformanceResourceTiming | undefined =>
        requests.find(({ name, startTime }) => startTime >= click && new URL(name).pathname.endsWith(end));
      resolve({
        allowedMs: (find('/play')?.responseEnd ?? NaN) - click,
        manifestMs: (find('/manifest')?.startTime ?? NaN) - click,
        appendedMs: (marks.appended ?? NaN) - click,
        playingMs: (marks.playing ?? NaN) - click,
        soundMs: performance.now() - click,
      });
    }, 2);
  });
  Object.assign(window, { heard });
}

/** Waits for the first sound. */
export async function firstSound(): Promise<FirstSound> {
  return await (window as unknown as { heard: Promise<FirstSound> }).heard;
}
