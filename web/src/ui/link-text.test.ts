// The displayed parts of a link: always the end of its id, and as much of its site as fits.

import { expect, it } from 'vitest';
import { linkText } from './link-text';

const ID = '8811d3bae631e8b5e26212edaf3e41eb';

it.each([
  [`https://example.org/view/${ID}`, 'example.org', '/view/…41eb'],
  [
    `http://a-very-long-name.of.a.host.example.org:50123/view/${ID}`,
    'a-very-long-name.of.a.host.example.org:50123',
    '/view/…41eb',
  ],
  [`http://[fd00::1]:5000/live-tv/view/${ID}`, '[fd00::1]:5000/live-tv', '/view/…41eb'],
  [`https://example.org/view/${ID}#invitation=abcdefghijkl`, 'example.org', '/view/…41eb#…ijkl'],
  ['https://example.org/view', 'example.org/view', ''],
  ['no link', 'no link', ''],
])('%s', (url, site, place) => {
  expect(linkText(url)).toEqual({ site, place });
});
