// How long after an audio context computed a sound it is heard, as the browser tells it. Firefox on Linux is not asked. It asks PulseAudio
// while it holds a lock that its thread of sound needs, and that thread holds a lock of PulseAudio meanwhile: now and then the two wait for
// each other, and the page stands still for good (docs/decisions/0043-latency-of-firefox.md).

/** What is used of an audio context. */
export type TellingContext = Pick<AudioContext, 'baseLatency' | 'currentTime' | 'getOutputTimestamp' | 'outputLatency'>;

/** How late a recording of PulseAudio heard Firefox on a machine that was not busy, s. */
const FIREFOX_ON_LINUX_S = 0.034;

/** Seconds from the computation of a sound to when it is heard; `userAgent` is that of the browser. */
export function latencyOf(
  context: Pick<AudioContext, 'baseLatency' | 'outputLatency'>,
  userAgent = ownUserAgent(),
): number {
  if (mustNotAsk(userAgent)) return FIREFOX_ON_LINUX_S;
  // Older browsers leave some of it out.
  const latency = context.outputLatency || context.baseLatency || 0;
  return Number.isFinite(latency) ? latency : 0;
}

/** A moment of the context, s, and when it is heard, by `performance.now`. It is `nowMs` now. */
export function heardMoment(
  context: TellingContext,
  nowMs: number,
  userAgent = ownUserAgent(),
): { contextTime: number; performanceTime: number } {
  if (!mustNotAsk(userAgent)) {
    const { contextTime, performanceTime } = context.getOutputTimestamp();
    if (contextTime !== undefined && performanceTime !== undefined && performanceTime > 0)
      return { contextTime, performanceTime };
  }
  return { contextTime: context.currentTime - latencyOf(context, userAgent), performanceTime: nowMs };
}

/** Android has another sound system. */
function mustNotAsk(userAgent: string): boolean {
  return userAgent.includes('Firefox/') && userAgent.includes('Linux') && !userAgent.includes('Android');
}

/** Unit tests run without a browser. */
function ownUserAgent(): string {
  return typeof navigator === 'undefined' ? '' : navigator.userAgent;
}
