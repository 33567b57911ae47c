// The delay between computing a sound and hearing it, as the browser reports it. Firefox on Linux is not asked. It asks
// PulseAudio while it holds a lock that its audio thread needs, while that thread holds a lock of PulseAudio. The two
// can deadlock, and the page then hangs for good (docs/decisions/0043-latency-of-firefox.md).

/** The part of an audio context that tells its latency. */
export type TellingContext = Pick<AudioContext, 'baseLatency' | 'currentTime' | 'getOutputTimestamp' | 'outputLatency'>;

/** Delay of Firefox, s, in a recording of PulseAudio's output on an idle machine. */
const FIREFOX_ON_LINUX_S = 0.034;

/** Seconds between computing a sound and hearing it; `userAgent` is the browser's. */
export function latencyOf(
  context: Pick<AudioContext, 'baseLatency' | 'outputLatency'>,
  userAgent = ownUserAgent(),
): number {
  if (mustNotAsk(userAgent)) return FIREFOX_ON_LINUX_S;
  // Older browsers lack one or both.
  const latency = context.outputLatency || context.baseLatency || 0;
  return Number.isFinite(latency) ? latency : 0;
}

/** A time of the context, s, and the `performance.now` at which it is heard. `nowMs` is the current time. */
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

/** Whether the browser may hang when asked. */
function mustNotAsk(userAgent: string): boolean {
  return userAgent.includes('Firefox/') && isOnLinux(userAgent);
}

/** Whether the browser probably plays to PulseAudio or PipeWire. Android uses another sound system. */
export function isOnLinux(userAgent: string): boolean {
  return userAgent.includes('Linux') && !userAgent.includes('Android');
}

/** The browser's user agent; empty in unit tests, which run without a browser. */
export function ownUserAgent(): string {
  return typeof navigator === 'undefined' ? '' : navigator.userAgent;
}
