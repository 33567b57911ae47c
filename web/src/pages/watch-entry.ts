// The entry of a stream's page: joins the stream first, then runs the page's code. The build lets browsers load both at
// the same time.

import { mediaFirst } from './media-first';
import { view } from './watch-early';

void mediaFirst(view.video, 'ud-watch-page', view.noMedia).then(() => import('./watch'));
