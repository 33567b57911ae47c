// Stays on a node that carries one stream, whatever dies meanwhile. No DOM, no player: connections come from outside,
// media goes out in order and without repeats.
//
//   ask the main server ──► nodes ──► watch { after: last chunk } ──► init, chunks, states
//        ▲                    ▲ next       │ refused, not reached      │ link down: back on the same node, for a moment
//        └──── avoid them ────┴────────────┴─────────── lost, silent ──┘
//
// A silent link is probed with a `clock` call: a still screen is silent too, so silence alone proves nothing. A stream
// that moves is watched at its new node before the old one is left. A page that was frozen or slept joins anew, at the live
// edge, over a new connection: what the old one still holds is of no use. The main server is asked seldom: what the node
// tells is not asked, and pauses grow, differ from page to page, and are never shorter than `Retry-After`.

import { asCallError, type CallError } from '../../protocol/error';
import type { StreamStateChanged } from '../../protocol/event';
import type { NodeAddress, StreamInfo } from '../../protocol/stream';
import { localNowMs } from '../../transport/clock';
import { Wake } from '../../transport/wake';
import { Admission } from './admission';
import { Elsewhere } from './elsewhere';
import { GrantRenewal } from './grant-renewal';
import { Grace } from './grace';
import { NodeClock } from './node-clock';
import { NodeList } from './node-list';
import { Pauses } from './pauses';
import { Received } from './received';
import { TIMING, type WatchSetup } from './setup';
import { Silence } from './silence';
import { BEGINNING, phaseOf, type FinalPhase, type WatchState } from './state';
import { SERVED_WELL_MS, Stay, type End, type StayParts } from './stay';

/** A stream that has not begun is looked for at least this often. */
const LONGEST_WAIT_FOR_START_MS = 4_000;

/** Watches one stream until closed, ended or permanently refused. */
export class WatchSession {
  readonly #parts: StayParts;
  readonly #grace = new Grace();
  #state: WatchState = BEGINNING;
  #stay: Stay | undefined;
  /** The previous node, still in use until the next one works. */
  #leaving: Stay | undefined;
  #closed = false;

  constructor(setup: WatchSetup) {
    this.#parts = this.#assemble(setup);
    this.#run().catch((error: unknown) => this.#finish('failed', asCallError(error)));
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Starts over at the newest keyframe, because the player lost the earlier media. */
  rejoin(): void {
    this.#parts.received.startOver();
    this.#parts.wake.ring();
  }

  /** The page runs again or is visible again: checks the link now. */
  look(): void {
    this.#parts.wake.ring();
  }

  /** Requests the node's clock now. */
  lookAtClock(): void {
    this.#parts.clock.makeDue();
    this.#parts.wake.ring();
  }

  /** The network is back: ends the current pause. */
  hurry(): void {
    this.#parts.pauses.hurry();
  }

  close(): void {
    this.#closed = true;
    this.#stay?.close();
    this.#leaving?.close();
    this.#parts.wake.ring();
  }

  #assemble(plain: WatchSetup): StayParts {
    const now = plain.now ?? localNowMs;
    const timing = { ...TIMING, ...plain.timing };
    const setup = this.#learning(plain, now);
    const [wake, received] = [new Wake(), new Received()];
    const nodes = new NodeList((expiresInS) => renewal.took(expiresInS));
    const shared = {
      problem: () => this.#state.problem,
      hadMedia: () => received.hadMedia,
      show: (change: Partial<WatchState>) => this.#show(change),
      finish: (phase: FinalPhase, problem: CallError | undefined) => this.#finish(phase, problem),
    };
    const pauses = new Pauses(timing.retry, wake, now, {
      ...shared,
      hidden: () => setup.hidden?.() === true,
      isClosed: () => this.#closed,
      retriesAt: (retryAtMs) => this.#show({ retryAtMs }),
    });
    const admission = new Admission(setup, nodes, { ...shared, lostJustNow: () => pauses.lostJustNow }, now);
    const renewal = new GrantRenewal({
      renew: (grant) => plain.renewGrant(grant),
      grant: () => nodes.grant,
      renewed: (grant) => {
        nodes.renewed(grant);
        this.#stay?.renewed(grant);
      },
      now,
    });
    const silence = new Silence(now, setup.wallNow ?? (() => Date.now()));
    const clock = new NodeClock(setup.clock, timing, now);
    const elsewhere = new Elsewhere(timing.elsewhere);
    return { setup, timing, now, wake, nodes, received, silence, admission, clock, elsewhere, pauses, renewal };
  }

  /** Wraps `setup` to read the main server's answers about an interrupted stream. */
  #learning(setup: WatchSetup, now: () => number): WatchSetup {
    const learn = (info: StreamInfo | undefined): void => {
      if (info && this.#grace.told(info, now())) this.#show({});
    };
    return {
      ...setup,
      askForNodes: async (ask) => {
        const assignment = await setup.askForNodes(ask);
        learn(assignment.stream);
        return assignment;
      },
      describe: async () => {
        const info = await setup.describe();
        learn(info);
        return info;
      },
    };
  }

  async #run(): Promise<void> {
    const { now, nodes, received, admission, pauses } = this.#parts;
    /** Assignments in a row of which no node worked well. */
    let failures = 0;
    let begins = 0;
    while (!this.#isClosed()) {
      const node = nodes.next(now());
      if (node === undefined) {
        if (failures > 1) await admission.showFull();
        if (failures > 0) await pauses.pause(failures);
        for (let tries = 1; !this.#isClosed() && !(await admission.ask()); tries++) await pauses.pause(tries);
        failures++;
        continue;
      }
      const startedAtMs = now();
      const end = await this.#watchOn(node);
      if (end === 'moved' || now() - startedAtMs > SERVED_WELL_MS) failures = 0;
      if (end === 'refused' && (await admission.beginsLater())) {
        nodes.outdate();
        failures = 0;
        await pauses.pause(++begins, LONGEST_WAIT_FOR_START_MS);
        continue;
      }
      begins = 0;
      if (end === 'lost' || end === 'refused') {
        nodes.failed(node);
        if (end === 'lost') pauses.lost();
        if (received.hadMedia) this.#show({ phase: 'reconnecting' });
      }
      if (end === 'stale') this.#startAfresh();
      // When a working node is gone, only the main server knows who carries the stream now.
      if (end === 'lost' || end === 'grant') nodes.outdate();
    }
  }

  /** Watches on one node until it is lost, refuses, or redirects the viewer. */
  async #watchOn(node: NodeAddress): Promise<End> {
    const stay = new Stay(
      this.#parts,
      {
        state: () => this.#state,
        isClosed: () => this.#closed,
        serves: () => {
          this.#leaving?.close();
          this.#leaving = undefined;
        },
        stateChanged: (change, at) => this.#stateChanged(change, at),
        show: (change) => this.#show(change),
        finish: (phase, problem) => this.#finish(phase, problem),
      },
      node,
    );
    this.#stay = stay;
    let end: End = 'lost';
    try {
      end = await stay.run();
    } finally {
      this.#leaving?.close();
      // Its media still counts while the next node is joined; repeats are dropped by name.
      this.#leaving = end === 'moved' ? stay : undefined;
      if (end !== 'moved') stay.close();
      this.#stay = undefined;
    }
    return this.#isClosed() ? 'closed' : end;
  }

  #stateChanged({ state, viewers }: StreamStateChanged, node: NodeAddress): void {
    const { now, elsewhere } = this.#parts;
    if (state === 'interrupted') elsewhere.begin(now());
    else {
      elsewhere.reset();
      this.#grace.over();
    }
    if (state === 'ended') {
      this.#show({ viewers });
      this.#finish('ended', undefined);
    } else this.#show({ phase: phaseOf(state), viewers, node: node.public_url });
  }

  /** Restarts at the live edge: media missed while the page did not run is skipped. */
  #startAfresh(): void {
    const { setup, received, silence, elsewhere, pauses } = this.#parts;
    silence.freshen();
    received.forget();
    elsewhere.reset();
    // Networks take a moment to recover after sleep.
    pauses.lost();
    if (received.hadMedia) this.#show({ phase: 'reconnecting' });
    setup.onFreshStart();
  }

  #finish(phase: FinalPhase, problem: CallError | undefined): void {
    this.#show({ phase, problem });
    this.close();
  }

  #show(change: Partial<WatchState>): void {
    if (this.#closed) return;
    const next = { ...this.#state, ...change };
    const { now, setup } = this.#parts;
    this.#state = { ...next, endsAtMs: next.phase === 'interrupted' ? this.#grace.endsAtMs(now()) : undefined };
    setup.onState(this.#state);
  }

  /** `#closed`, read through a method, because the compiler assumes that it does not change during an await. */
  #isClosed(): boolean {
    return this.#closed;
  }
}
