// A worker that ticks. Timers of a page in the background come once a second, and the page one goes live from is in the
// background whenever another tab is shared; timers of workers keep their time.

const TICK_MS = 40;

setInterval(() => postMessage(undefined), TICK_MS);
