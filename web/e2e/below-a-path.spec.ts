// The site below a path, /live-tv, behind nginx: pages, links, media and pictures, over every transport.
import { expect, test } from '@playwright/test';

import { Nginx } from './support/nginx.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const PREFIX = '/live-tv';

test('broadcast, watch, list and follow links below a path', async () => {
  const undead = await Undead.up({ UNDEAD_TRUSTED_PROXY: '127.0.0.1' });
  const nginx = await Nginx.below(PREFIX, undead.url);
  const stage = await Stage.set();
  const broadcaster = await stage.goLive(nginx.url, 'Below a path');
  expect(new URL(broadcaster.watchUrl).pathname).toMatch(/^\/live-tv\/view\/[0-9a-f]{32}$/);
  for (const transport of ['ws', 'socketio', 'polling']) {
    const viewer = await stage.watch(`${broadcaster.watchUrl}?transport=${transport}`);
    await viewer.expectPicture();
    await viewer.page.close();
  }

  const list = await stage.page(`${nginx.url}/`);
  await list.getByText('Below a path').click();
  await expect(list).toHaveURL(broadcaster.watchUrl);
  await expect(list.getByLabel('Link for viewers')).toHaveValue(broadcaster.watchUrl);
  await list.goto(`${nginx.url}/nowhere`);
  await list.getByRole('link', { name: 'See what is live' }).click();
  await expect(list).toHaveURL(`${nginx.url}/view`);

  // All requests were below the path; nginx serves nothing elsewhere.
  const requests = await nginx.log();
  expect(requests.filter(({ path }) => !path.startsWith(`${PREFIX}/`) && path !== '/favicon.ico')).toEqual([]);
  expect(requests.filter(({ status }) => status >= 500)).toEqual([]);
  await stage.strike();
  await nginx.stop();
  // The missing page causes a 404.
  expect(stage.complaints.lines.filter((line) => !line.includes('404'))).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});
