// Figures for operators, computed from nodes: the load of a node, and the advice on capacity. Pure.

import type { NodeInfo, Scaling } from '../../protocol/node';
import { strings } from '../../strings';

const texts = strings.admin.capacity;

/** Egress limit of a node without a configured one: 1 Gbit/s. */
const EGRESS_LIMIT_BYTES_PER_S = 125_000_000;
/** Above this load more nodes are needed (docs/http-api.md, `GET /api/scaling`). */
const BUSY = 0.8;
/** From this load on a node accepts no more viewers. */
const FULL = 0.95;

/** The share of its narrowest limit that a node uses: viewers, streams, bytes per second, processors. 0 to 1 and above. */
export function fullness({ load, capacity, streams }: NodeInfo): number {
  const share = (used: number, limit: number | undefined): number =>
    limit === undefined ? 0 : used / Math.max(1, limit);
  return Math.max(
    share(load.viewers, capacity.viewers),
    share(streams, capacity.streams),
    share(load.egress_bytes_per_s, capacity.egress_bytes_per_s ?? EGRESS_LIMIT_BYTES_PER_S),
    load.cpu_permille / 1000,
  );
}

/** How wrong the clock of a node's machine is, as text; undefined if it is negligible. */
export function clockProblem({ clock_offset_ms = 0 }: NodeInfo): string | undefined {
  const seconds = Math.round(Math.abs(clock_offset_ms) / 1000);
  if (seconds <= 1) return undefined;
  const span =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7200
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3600)} h`;
  return clock_offset_ms > 0 ? strings.admin.nodes.clockAhead(span) : strings.admin.nodes.clockBehind(span);
}

/** The colour of a bar of `fullness`. */
export function tone(fullness: number): 'ok' | 'warn' | 'bad' {
  return fullness >= FULL ? 'bad' : fullness >= BUSY ? 'warn' : 'ok';
}

/** The advice on capacity, as a heading and a sentence. */
export function advice({ nodes, wanted, may_go }: Scaling): { kind: 'info' | 'warn'; heading: string; advice: string } {
  if (wanted > nodes) {
    return { kind: 'warn', heading: texts.start(wanted - nodes), advice: texts.startAdvice(nodes, wanted) };
  }
  if (may_go.length > 0) {
    return { kind: 'info', heading: texts.spare(may_go.length), advice: texts.spareAdvice(may_go.join(', ')) };
  }
  return { kind: 'info', heading: texts.enough, advice: texts.enoughAdvice(nodes) };
}

/** The id in a link to a stream, or the id itself. */
export function streamIdIn(text: string): string | undefined {
  return /(?:^|\/)([0-9a-f]{32})(?:$|[/?#])/.exec(text.trim().toLowerCase())?.[1];
}
