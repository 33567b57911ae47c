// A page with only one member of a party; its address has `#` and the member's token.
import { keepMembership } from '../../src/party/memberships';
import { PartyClient } from '../../src/party/party-client';
import type { ServerClock } from '../../src/transport/clock';
import { createPlaybacks, likelyForm } from '../../src/ui/player/playbacks';
import type { Together } from '../../src/watch/playback/live-playback';

const PARTY = '0123456789abcdef0123456789abcdef';
const token = location.hash.slice(1);

declare global {
  interface Window {
    party: PartyClient;
  }
}

const kept = new Map<string, string>();
const memory = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
  removeItem: (key: string) => void kept.delete(key),
};
keepMembership(PARTY, { member_id: token, token }, memory);

const videos: [HTMLVideoElement, HTMLVideoElement] = [document.createElement('video'), document.createElement('video')];
const canvas = document.createElement('canvas');
const live = {
  form: likelyForm(),
  create: (video: HTMLVideoElement, clock: ServerClock, together: Together) =>
    createPlaybacks(video, canvas, clock, together),
};
document.body.append(...videos, canvas);
window.party = new PartyClient(PARTY, { memory });
window.party.attach({ videos, canvas, live, show: () => undefined });
window.party.open();
