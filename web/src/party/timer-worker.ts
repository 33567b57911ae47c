// The worker of timers.ts: returns each id once its time has passed.

onmessage = ({ data }: MessageEvent<{ id: number; ms: number }>): void => {
  setTimeout(() => postMessage(data.id), data.ms);
};
