// Events in a broadcaster's browser: blocked site data, a closed shared tab, an unplugged microphone, a source that is
// too large, an ended stream.
import { expect, test, type Page } from '@playwright/test';

import { expectMoving, watchPaintedClock } from './support/painted-clock.ts';
import { Broadcaster } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let stage: Stage;

test.beforeEach(async () => {
  undead = await Undead.up();
  stage = await Stage.set();
});

test.afterEach(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

test('streams are created and watched if the browser blocks site data', async () => {
  const block = async (page: Page): Promise<void> => {
    await page.addInitScript(() => {
      for (const name of ['sessionStorage', 'localStorage', 'indexedDB', 'caches']) {
        Object.defineProperty(window, name, {
          get() {
            throw new DOMException('Access is denied for this document.', 'SecurityError');
          },
        });
      }
    });
  };
  const live = await stage.page(`${undead.url}/live`, block);
  const { watchUrl } = await Broadcaster.goLive(live, 'Without storage');
  for (const url of [watchUrl, watchUrl.replace('/view/', '/embed/')]) {
    const viewer = await stage.watch(url, block);
    await viewer.expectPicture();
  }
});

test('closing the shared tab interrupts the stream, and another source continues it', async () => {
  const broadcaster = await stage.goLive(undead.url, 'Closed tab');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  await stage.closeSource();
  await viewer.expectState('interrupted');
  const { page } = broadcaster;
  await expect(page.getByText('Nothing is shared right now')).toBeVisible();
  await expect(page.getByText(/The stream ends in \d+ s/)).toBeVisible();

  await stage.openSource();
  await page.getByRole('button', { name: 'Share again' }).click();
  await expect(viewer.player).toHaveAttribute('data-take', '1');
  await viewer.expectState('live');

  // Ending requires confirmation, also by keyboard; Escape keeps the stream.
  const end = page.getByRole('button', { name: 'End stream' });
  await end.press('Enter');
  await expect(page.getByRole('dialog')).toContainText('It is live');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await viewer.expectState('live');
  await end.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await viewer.expectState('ended');
});

test('a duplicated tab reports that the stream is live elsewhere, and asks before ending it', async () => {
  const broadcaster = await stage.goLive(undead.url, 'Duplicated');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const opened = broadcaster.page.waitForEvent('popup');
  // A page opened by another one gets a copy of its session storage, like a duplicated tab.
  await broadcaster.page.evaluate(() => void window.open('/live'));
  const duplicate = await opened;
  await expect(duplicate.getByText(/Duplicated.* is live/)).toBeVisible();
  await duplicate.getByRole('button', { name: 'End it' }).click();
  await expect(duplicate.getByRole('dialog')).toContainText('1 viewer right now');
  await duplicate.getByRole('button', { name: 'Cancel' }).click();
  await viewer.expectState('live');
  await duplicate.getByRole('button', { name: 'End it' }).click();
  await duplicate.getByRole('button', { name: 'End for everyone' }).click();
  await viewer.expectState('ended');
});

test('a microphone that is unplugged silences the stream, but does not stop it', async () => {
  const live = await stage.page(`${undead.url}/live`, async (page) => {
    await page.addInitScript(() => {
      const { mediaDevices } = navigator;
      const display = mediaDevices.getDisplayMedia.bind(mediaDevices);
      // The microphone is the only sound, as when sharing a window.
      mediaDevices.getDisplayMedia = async (wanted) => new MediaStream((await display(wanted)).getVideoTracks());
      mediaDevices.getUserMedia = () => {
        const context = new AudioContext();
        const voice = context.createMediaStreamDestination();
        const tone = new OscillatorNode(context);
        tone.connect(voice);
        tone.start();
        const [track] = voice.stream.getAudioTracks();
        // Simulates that the device is gone.
        addEventListener('unplug', () => {
          track?.stop();
          track?.dispatchEvent(new Event('ended'));
        });
        return Promise.resolve(voice.stream);
      };
    });
  });
  await live.getByLabel('Add my microphone').check();
  const { watchUrl } = await Broadcaster.goLive(live, 'Microphone');
  const viewer = await stage.watch(watchUrl);
  await viewer.expectPicture();
  await expect(live.getByRole('button', { name: 'Mic on' })).toBeVisible();
  await live.evaluate(() => dispatchEvent(new Event('unplug')));
  await expect(live.getByText('Your microphone is gone')).toBeVisible();
  // By now old pictures have been played; without sound of the same time no new ones would arrive.
  await viewer.page.waitForTimeout(2_000);
  expectMoving(await watchPaintedClock(viewer.page, 1_500));
  expect(await viewer.tells('take')).toBe('0');
  await live.getByRole('button', { name: 'Mic off' }).click();
  await expect(live.getByRole('button', { name: 'Mic on' })).toBeVisible();
});

test('a source that is too large is scaled down, and the page says so', async () => {
  const live = await stage.page(`${undead.url}/live`, async (page) => {
    await page.addInitScript(() => {
      // A source that ignores constraints; small in one direction, to be cheap.
      navigator.mediaDevices.getDisplayMedia = () => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 3840, height: 400 });
        const context = canvas.getContext('2d');
        setInterval(() => context?.fillRect(Math.random() * 3000, 100, 200, 200), 100);
        return Promise.resolve(canvas.captureStream(10));
      };
    });
  });
  const { watchUrl } = await Broadcaster.goLive(live, 'Large');
  const viewer = await stage.watch(watchUrl);
  await viewer.expectPicture();
  await expect(live.getByText('Viewers see 1920 × 200, scaled down from 3840 × 400.')).toBeVisible();
  expect(await viewer.page.locator('video').evaluate((video: HTMLVideoElement) => video.videoWidth)).toBe(1920);
});
