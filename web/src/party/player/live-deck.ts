// Plays a live stream of the party: all members see the moment captured `position_ms` ago by the server's clock,
// whatever their node or distance. No DOM but the given elements.

import type { MainServer } from '../../api/client';
import { CallError } from '../../protocol/error';
import type { Entry, PartyTimeline } from '../../protocol/party';
import type { AskForNodes, Assignment } from '../../protocol/stream';
import { ServerClock } from '../../transport/clock';
import { viewerTransport } from '../../transport/choice';
import { preferredFormats } from '../../watch/formats';
import type { Form } from '../../watch/playback/player';
import { isFinal, type WatchPhase } from '../../watch/session/state';
import { Viewing } from '../../watch/viewing';
import type { PartyClock } from '../clock';
import type { Deck } from './deck';
import type { LiveParts } from './live-parts';

/** Dependencies of a deck. */
export interface LiveSetup {
  media: HTMLVideoElement;
  live: LiveParts;
  clock: Pick<PartyClock, 'serverMs'>;
  server: Pick<MainServer, 'renewGrant' | 'stream'>;
  /** Requests nodes for watching, as a member. */
  playStream: (entry: Entry, ask: AskForNodes) => Promise<Assignment>;
  trimMs: () => number;
  hidden: () => boolean;
  changed: () => void;
}

/** A deck for a live stream. */
export class LiveDeck implements Deck {
  readonly hasVocals = false;
  readonly entry: Entry;
  readonly wave = undefined;
  readonly isUnfit = false;
  readonly isForesighted = false;
  readonly #setup: LiveSetup;
  readonly #viewing: Viewing;
  #timeline: PartyTimeline;
  #situation: WatchPhase = 'connecting';
  #form: Form | undefined;
  #hasStarted = false;
  #waits = false;
  #isRefused = false;

  constructor(setup: LiveSetup, entry: Entry, timeline: PartyTimeline) {
    this.#setup = setup;
    this.entry = entry;
    this.#timeline = timeline;
    const { live, server } = setup;
    const streamId = entry.stream_id ?? '';
    const clock = new ServerClock();
    let grant: string | undefined;
    this.#viewing = new Viewing(
      {
        streamId,
        form: live.form,
        createPlayback: live.create(setup.media, clock, () => this.#wantedCapture()),
        connect: viewerTransport(null),
        clock,
        askForNodes: async (ask) => {
          const assignment = await setup.playStream(entry, ask);
          grant = assignment.grant;
          return assignment;
        },
        renewGrant: (old) => server.renewGrant(streamId, old),
        describe: () => server.stream(streamId, grant),
        formats: preferredFormats(),
        hidden: setup.hidden,
        didNotRun: () => false,
      },
      {
        show: ({ situation, form, waiting, paused, silenced }) => {
          this.#situation = situation ?? this.#situation;
          this.#form = form ?? this.#form;
          this.#waits = waiting ?? this.#waits;
          // The browser allowed playback only without sound, or not at all.
          if (silenced === true || (paused === true && !this.#timeline.paused)) this.#isRefused = true;
          setup.changed();
        },
        stateChanged: () => setup.changed(),
        started: () => {
          this.#hasStarted = true;
          setup.changed();
        },
      },
    );
    this.#viewing.open();
    this.soundChanged();
    if (timeline.paused) this.#viewing.setPlaying(false);
  }

  get timeline(): PartyTimeline {
    return this.#timeline;
  }

  get problem(): CallError | undefined {
    if (this.#situation === 'unsupported') return new CallError('unsupported_media', 'this browser cannot play it');
    return isFinal(this.#situation) ? new CallError('unknown_stream', `the stream is ${this.#situation}`) : undefined;
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  get isPlaying(): boolean {
    return this.#hasStarted && !this.#viewing.isPaused;
  }

  get isOver(): boolean {
    return !this.isPlaying;
  }

  get lateMs(): number | undefined {
    return this.isPlaying ? this.#viewing.figures?.lateMs : undefined;
  }

  /** The party does not wait for members that buffer a live stream. */
  isBuffering(): boolean {
    return this.#waits;
  }

  announce(): void {
    // It continues until its time.
  }

  follow(timeline: PartyTimeline): void {
    const wasPaused = this.#timeline.paused;
    this.#timeline = timeline;
    if (timeline.paused !== wasPaused) this.#viewing.setPlaying(!timeline.paused);
  }

  step(): void {
    // The playback itself asks for the wanted position.
  }

  unlock(): void {
    if (!this.#isRefused) return;
    this.#isRefused = false;
    this.soundChanged();
    this.#viewing.setPlaying(!this.#timeline.paused);
  }

  get isOnCanvas(): boolean {
    return this.#form === 'frames';
  }

  setVocals(): void {
    // It has no vocals.
  }

  soundChanged(): void {
    const { muted, volume } = this.#setup.media;
    this.#viewing.setVolume(volume, !muted);
  }

  close(): void {
    this.#viewing.close();
  }

  #wantedCapture(): number | undefined {
    const serverMs = this.#setup.clock.serverMs();
    return serverMs === undefined ? undefined : serverMs - this.#timeline.position_ms + this.#setup.trimMs();
  }
}
