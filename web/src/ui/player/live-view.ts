// The viewing of one stream, with the elements that show its media. It begins before the player is there, which takes it
// over.

import { MainServer } from '../../api/client';
import { ServerClock } from '../../transport/clock';
import { viewerTransport } from '../../transport/choice';
import type { Assignment, StreamId } from '../../protocol/stream';
import { namedFormats, preferredFormats } from '../../watch/formats';
import type { Invited } from '../../watch/invited';
import type { WatchState } from '../../watch/session/state';
import { Viewing, type Shown, type ViewingOwner } from '../../watch/viewing';
import { createPlaybacks, likelyForm } from './playbacks';

/** What to watch, and how. */
export interface LiveViewSetup {
  streamId: StreamId;
  /** The transport for watching: `ws`, `socketio` or `polling`; anything else chooses automatically. */
  transport: string | null;
  /** The preferred region. */
  region: string | null;
  /** The formats to request, such as `mp4,frames`, instead of this browser's best ones. */
  format: string | null;
  /** The viewer's invitation, if the link held one. */
  invited: Invited;
}

/** Callbacks of the player. */
export interface LiveViewOwner extends ViewingOwner {
  /** The main server admitted this viewer. */
  admitted(assignment: Assignment): void;
  /** Whether the page has just not been running: it was frozen, or the computer slept. */
  didNotRun(): boolean;
}

/** See the head of the file. */
export class LiveView {
  readonly setup: LiveViewSetup;
  readonly server = new MainServer();
  /** Shows containers. */
  readonly video = document.createElement('video');
  /** Shows bare frames. */
  readonly canvas = document.createElement('canvas');
  /** Resolves once the stream has no media for this viewer, or not now. */
  readonly noMedia: Promise<void>;
  readonly #clock = new ServerClock();
  #viewing: Viewing | undefined;
  #owner: LiveViewOwner | undefined;
  /** What happened, for an owner that connects later. */
  #shown: Partial<Shown> = {};
  #state: WatchState | undefined;
  #hasStarted = false;
  #assignment: Assignment | undefined;
  #tellNoMedia: () => void = () => undefined;

  constructor(setup: LiveViewSetup) {
    this.setup = setup;
    this.video.playsInline = true;
    this.noMedia = new Promise((resolve) => (this.#tellNoMedia = resolve));
  }

  /** Undefined before opening and after closing. */
  get viewing(): Viewing | undefined {
    return this.#viewing;
  }

  /** The assignment of the last admission. */
  get assignment(): Assignment | undefined {
    return this.#assignment;
  }

  /** Joins the stream, unless it is joined already. */
  open(passphrase?: string): void {
    if (this.#viewing !== undefined) return;
    this.#state = undefined;
    this.#hasStarted = false;
    this.#viewing = this.#create(passphrase);
    this.#viewing.open();
  }

  /** Connects the player, and makes the calls that it missed. */
  connect(owner: LiveViewOwner): void {
    this.#owner = owner;
    owner.show(this.#shown);
    if (this.#assignment !== undefined) owner.admitted(this.#assignment);
    if (this.#state !== undefined) owner.stateChanged(this.#state);
    if (this.#hasStarted) owner.started();
  }

  close(): void {
    this.#viewing?.close();
    this.#viewing = undefined;
  }

  #create(passphrase: string | undefined): Viewing {
    const { streamId, transport, region, format, invited } = this.setup;
    const { invitation } = invited;
    return new Viewing(
      {
        streamId,
        form: likelyForm(),
        createPlayback: createPlaybacks(this.video, this.canvas, this.#clock),
        connect: viewerTransport(transport),
        clock: this.#clock,
        askForNodes: async (ask) => {
          const assignment = await this.server.watch(streamId, ask, invited.grant);
          invited.admitted(assignment.grant);
          this.#assignment = assignment;
          this.#owner?.admitted(assignment);
          return assignment;
        },
        renewGrant: (grant) => this.server.renewGrant(streamId, grant),
        describe: () => this.server.stream(streamId),
        ...(passphrase === undefined ? {} : { passphrase }),
        ...(invitation === undefined ? {} : { invitation }),
        ...(region ? { region } : {}),
        formats: namedFormats(format) ?? preferredFormats(),
        hidden: () => document.hidden,
        didNotRun: () => this.#owner?.didNotRun() === true,
      },
      {
        show: (change) => {
          Object.assign(this.#shown, change);
          if (!['connecting', 'live'].includes(this.#shown.situation ?? 'connecting')) this.#tellNoMedia();
          this.#owner?.show(change);
        },
        stateChanged: (state) => {
          if (state.problem?.code === 'invitation_refused') invited.forget();
          this.#state = state;
          this.#owner?.stateChanged(state);
        },
        started: () => {
          this.#hasStarted = true;
          this.#owner?.started();
        },
      },
    );
  }
}
