// What <ud-player> tells programs, in its `data-` attributes:
//
//   data-state      a WatchPhase: connecting, live, interrupted, …     data-latency-ms   measured; absent when unknown
//   data-join-ms    from opening to the first picture                 data-buffer-ms    playhead to live edge
//   data-stalls, data-jumps, data-dropped   counts since opening      data-rate, data-node, data-take, data-muted
//   data-transport  ws, socketio or polling                           data-problem      code of what went wrong last
//   data-past-ms    how far before the end of what can be played, while the viewer has gone back

import type { WatchPhase } from '../../watch/session/state';
import type { RewindView } from '../../watch/rewind/rewind';
import type { Figures } from '../../watch/viewing';

/** The state to expose. */
export interface Told {
  situation: WatchPhase;
  muted: boolean;
  figures: Figures | undefined;
  past: RewindView | undefined;
}

/** Writes the state into the attributes of `dataset`. */
export function tellPrograms(dataset: DOMStringMap, { situation, muted, figures, past }: Told): void {
  const told: Record<string, string | number | undefined> = {
    state: situation,
    latencyMs: rounded(figures?.latencyMs),
    bufferMs: rounded(figures?.bufferMs),
    joinMs: rounded(figures?.joinMs),
    stalls: figures?.stalls,
    jumps: figures?.jumps,
    dropped: figures?.droppedFrames,
    rate: figures?.rate,
    node: figures?.node,
    transport: figures?.transport,
    problem: figures?.problem,
    take: figures?.take,
    muted: String(muted),
    pastMs: rounded(past && past.endMs - past.positionMs),
  };
  for (const [name, value] of Object.entries(told)) {
    if (value === undefined) Reflect.deleteProperty(dataset, name);
    else dataset[name] = String(value);
  }
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value);
}
