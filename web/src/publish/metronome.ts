// A worker that ticks. Browsers slow the timers of background pages to one per second, and the broadcaster's page is in
// the background whenever another tab is shared; timers of workers keep their pace.

const TICK_MS = 40;

setInterval(() => postMessage(undefined), TICK_MS);
