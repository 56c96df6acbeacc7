/** The last day on the gateway's page, in a real browser: what a real daemon has recorded and kept. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import type { HistoryRecord, HistoryResult } from '../../../src/rpc/protocol.js';
import { formatHistory } from '../../../src/server/history-file.js';
import { untilAnswers } from '../../support/daemon.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { built, environment, Program } from '../../support/program.js';
import { chromiumClient, openPage, read, startBrowser, violations } from './browser.js';
import { testWith } from './installed.js';

/** Set to a folder, it keeps what the page looked like. */
const screenshots = process.env.ENTROPYD_SCREENSHOTS;
if (screenshots !== undefined) mkdirSync(screenshots, { recursive: true });

const intervalMs = 300_000;
const alarmed = 140;

/** What a daemon has left that ran until ten minutes ago, and not at all for three hours before noon. */
function leftBehind(now: number): Pick<HistoryResult, 'records' | 'transitions'> {
  const at = (i: number) => new Date(now - 600_000 - (284 - i) * intervalMs).toISOString();
  const record = (i: number): HistoryRecord => ({
    time: at(i),
    seconds: 300,
    state: i === alarmed ? 'degraded' : 'operational',
    requests: 3_000 + 2_000 * Math.round(Math.sin(i / 20) + 1),
    randomBytes: 300_000 + 1_000 * i,
    refused: i === 200 ? 17 : 0,
    reseeds: i % 3 === 0 ? 1 : 0,
    sources: [
      {
        name: 'rdseed',
        state: 'passing',
        bytes: 6_000 + 10 * i,
        alarms: i === alarmed ? 1 : 0,
        waitingSeconds: i > 220 && i < 240 ? 10 * (i - 220) : 0,
      },
    ],
  });
  return {
    records: Array.from({ length: 285 }, (_, i) => record(i)).filter((_, i) => i < 60 || i > 96),
    transitions: [
      { time: at(alarmed), state: 'degraded', reason: 'rdseed failed a health test' },
      { time: at(alarmed + 1), state: 'operational', reason: 'seeded by rdseed' },
    ],
  };
}

const pathOf = (page: Page, card: string, name: string) =>
  page.locator(`#day-${card} .${name}`).getAttribute('d');

const count = (path: string | null) => (path ?? '').split('M').length - 1;

async function looksRight(t: Test, page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [320, 1440]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      t.strictSame(await violations(page), [], `axe-core, ${colorScheme}, ${width}`);
      t.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      const path = join(screenshots ?? '', `${name}-${width}-${colorScheme}.png`);
      if (screenshots !== undefined) await page.screenshot({ path, fullPage: true });
    }
}

testWith(chromiumClient, 'the page shows what the daemon kept', async (t, command) => {
  const socketPath = freePath();
  const state = join(temporaryFolder(), 'state');
  mkdirSync(state);
  const file = join(state, 'history.json');
  const config = join(temporaryFolder(), 'day.toml');
  const device = (path: string) =>
    writeFileSync(config, `[[source]]\nname = "hwrng"\npath = "${path}"\n`);
  const startDaemon = async (env: Record<string, string>) => {
    const args = ['--config', config, '--socket', socketPath];
    const daemon = new Program(t, [built('entropyd'), ...args], {
      env: { ...environment, ...env },
    });
    await untilAnswers(socketPath);
    return daemon;
  };
  writeFileSync(file, formatHistory(leftBehind(Date.now())));
  device('/dev/zero');

  // Its own record: requests, and the alarm of a device that gives zeros.
  const first = await startDaemon({ STATE_DIRECTORY: state });
  const client = connect({ socketPath });
  for (let i = 0; i < 500; i++) await client.random(1000);
  await client.close();
  await first.says('hwrng failed a health test');
  t.match(await first.kill('SIGTERM'), { status: 0 });
  const own = JSON.parse(readFileSync(file, 'utf8')).records.at(-1);
  t.match(
    own.sources.find(({ name }: { name: string }) => name === 'hwrng'),
    { alarms: 1 },
  );
  device('/dev/urandom');
  const second = await startDaemon({ STATE_DIRECTORY: state });

  const listen = ['--listen', '127.0.0.1:0', '--listen', `unix:${freePath()}`];
  const args = ['gateway', '--socket', socketPath, ...listen];
  const gateway = new Program(t, [built('entropyd'), ...args]);
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(await gateway.says('gateway listening'))?.[1]);
  const url = `http://127.0.0.1:${port}/`;
  const browser = await startBrowser(command);
  const { page, faults, requests } = await openPage(browser, url, { timezoneId: 'UTC' });
  await page.waitForSelector('#day-requests .first[d^=M]', { state: 'attached' });

  const { records } = (await (await fetch(`${url}history`)).json()) as HistoryResult;
  const { length } = records;
  t.ok(length >= 240, `${length} intervals`);
  t.strictSame(records.at(-1), own, 'with the one that ended with the daemon');
  await t.test('figures and lines are those of the history', async (t) => {
    const all = records.reduce((sum, { requests }) => sum + requests, 0);
    t.equal(await read(page, '#day-requests .figure'), `${all.toLocaleString('en')} in all`);
    const line = (await pathOf(page, 'requests', 'first')) ?? '';
    t.equal(count(line), 2 + 0, 'the time in which it did not run is a gap');
    t.equal(line.split(/[ML]/).length - 1, length, 'a point for each interval');
    t.match(await read(page, '#day-waiting .figure'), /^31 min 40 s in all: rdseed$/);
    t.match(
      await page.locator('#day-waiting svg').getAttribute('aria-label'),
      /^Share of the time .*, last day\. waiting: last \d+\s%; highest 63\s%\.$/,
    );
    const box = await page.locator('#day-requests svg').boundingBox();
    t.ok(box !== null && box.width > 100 && box.height > 40, JSON.stringify(box));
  });

  await t.test('alarms, changes of state and reseeds are marked and said', async (t) => {
    for (const card of ['requests', 'bytes', 'noise', 'waiting'])
      t.equal(count(await pathOf(page, card, 'alarm')), 2, `${card}: rdseed's, and hwrng's`);
    const changes = count(await pathOf(page, 'requests', 'change'));
    t.ok(changes >= 4, `${changes} changes`);
    const seeded = records.filter(({ reseeds }) => reseeds > 0).length;
    t.equal(count(await pathOf(page, 'noise', 'tick')), seeded);
    const refused = records.reduce((sum, each) => sum + each.refused, 0);
    const reseeds = records.reduce((sum, each) => sum + each.reseeds, 0);
    t.equal(
      await read(page, '#day-summary'),
      `2 health-test alarms (rdseed 1, hwrng 1), ${changes} changes of state, ${reseeds} reseeds, ${refused} refused requests.`,
    );
  });

  await t.test('the table has the same by the hour', async (t) => {
    await page.locator('#day-details summary').focus();
    await page.keyboard.press('Enter');
    const rows = await page.locator('#day-hours tr').all();
    t.ok(rows.length >= 21 && rows.length <= 25, `${rows.length} hours`);
    const texts = await page.locator('#day-hours tr').allInnerTexts();
    t.match(texts[0], /^\d{4}-\d\d-\d\d \d\d:00 UTC\t/);
    t.equal(texts.filter((text) => text.includes('rdseed 1\t')).length, 1, 'its alarm');
    t.equal(texts.filter((text) => text.includes('\t17\t')).length, 1, 'what was refused');
    const cells = await page.locator('#day-hours tr td:nth-child(3)').allInnerTexts();
    const summed = cells.reduce((sum, cell) => sum + Number(cell.replaceAll(',', '')), 0);
    t.equal(
      summed,
      records.reduce((sum, each) => sum + each.requests, 0),
    );
  });

  await looksRight(t, page, 'day');
  t.ok(requests.filter((each) => each === `${url}history`).length < 4, 'asked for now and then');

  await t.test('a daemon without a record says so', async (t) => {
    await second.kill('SIGTERM');
    const third = await startDaemon({});
    await page
      .getByText('Nothing yet: an interval takes 5 min. It is in memory only')
      .waitFor({ timeout: 60_000 });
    t.equal(await page.locator('#day-charts').isVisible(), false);
    t.equal(await page.locator('#day-details').isVisible(), false);
    t.match(await third.kill('SIGTERM'), { status: 0 });
  });
  t.strictSame(faults, []);
  await gateway.kill('SIGTERM');
});
