// Joins the stream that the page's address names before the rest of the page runs: its media is requested, decoded and
// shown in a media element that the player takes over.

import { sitePath } from '../browser/site';
import { tabMemory } from '../browser/storage';
import { LiveView } from '../ui/player/live-view';
import { Invited } from '../watch/invited';

/** The stream, and whether the page is only its player. */
export const { embedded, streamId } = address(sitePath(location.pathname));
/** The viewer's invitation, if the link held one. */
export const invited = new Invited(streamId, tabMemory);
/**
 * `?transport=ws|socketio|polling`, `?region=…` and `?format=…` apply to this page only: the shared link omits them.
 */
const query = new URLSearchParams(location.search);

export const view = new LiveView({
  streamId,
  transport: query.get('transport'),
  region: query.get('region'),
  format: query.get('format'),
  invited,
});
if (embedded) view.video.className = 'embedded';
view.open();

/** Parses a page's path within the site. */
function address(path: string): { embedded: boolean; streamId: string } {
  const [, page, streamId = ''] = path.split('/');
  return { embedded: page === 'embed', streamId };
}
