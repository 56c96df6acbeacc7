/** The gateway's page in a real browser, before real programs in every state. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { untilAnswers } from '../../support/daemon.js';
import { memoryLog } from '../../support/gateway.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { built, Program } from '../../support/program.js';
import { until } from '../../support/until.js';
import { chromiumClient, openPage, read, startBrowser, violations } from './browser.js';
import { testWith } from './installed.js';
import { startScriptedDaemon } from './scripted-daemon.js';

/** Set to a folder, it keeps what the page looked like. */
const screenshots = process.env.ENTROPYD_SCREENSHOTS;
if (screenshots !== undefined) mkdirSync(screenshots, { recursive: true });

const schemes = ['light', 'dark'] as const;

/** The daemon as a program, with a device of our own in place of the host's. */
function startDaemon(t: Test, socketPath: string, device: string): Program {
  const config = join(temporaryFolder(), 'daemon.toml');
  writeFileSync(config, `[[source]]\nname = "hwrng"\npath = "${device}"\n`);
  const args = ['--config', config, '--socket', socketPath];
  return new Program(t, [built('entropyd'), ...args], { timeout: 0 });
}

/** The gateway as a program of its own; the port that the kernel chose for 0. */
async function startGatewayProgram(t: Test, socketPath: string, port = 0) {
  const listen = ['--listen', `127.0.0.1:${port}`, '--listen', `unix:${freePath()}`];
  const program = new Program(
    t,
    [built('entropyd'), 'gateway', '--socket', socketPath, ...listen],
    { timeout: 0 },
  );
  const log = await program.says('gateway listening');
  return { program, port: Number(/127\.0\.0\.1:(\d+)/.exec(log)?.[1]) };
}

/** Waits until the page shows a state, and says so. */
async function untilState(page: Page, state: string, pattern: RegExp): Promise<void> {
  let said = '';
  const matches = async () => {
    said = await read(page, '#state');
    return (
      pattern.test(said) && state === (await page.locator('#state').getAttribute('data-state'))
    );
  };
  await until(matches, `${pattern}`).catch((error) => {
    throw new Error(`${error.message}, but ${said}`);
  });
}

/** Nothing against the page in either scheme, and the two differ. */
async function looksRight(t: Test, page: Page, name: string): Promise<void> {
  const images: string[] = [];
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme });
    t.strictSame(await violations(page), [], `axe-core, ${name}, ${colorScheme}`);
    const place = page.locator('#state');
    images.push((await place.screenshot()).toString('base64'));
    if (screenshots === undefined) continue;
    const size = page.viewportSize();
    for (const width of [320, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      const path = join(screenshots, `${name}-${width}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true });
    }
    if (size !== null) await page.setViewportSize(size);
  }
  t.not(images[0], images[1], `${name}: light and dark`);
}

/** Hides or shows the page as a tab: a headless browser has no other way. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

const chart = (page: Page, id: string) => page.locator(`#${id} .chart .first`).getAttribute('d');

testWith(chromiumClient, 'the page follows daemon and gateway', async (t, command) => {
  const all = t;
  const socketPath = freePath();
  let daemon = startDaemon(t, socketPath, '/dev/urandom');
  await untilAnswers(socketPath);
  let { program: gateway, port } = await startGatewayProgram(t, socketPath);
  const url = `http://127.0.0.1:${port}/`;
  const browser = await startBrowser(command);
  const { page, faults, requests } = await openPage(browser, url);

  await t.test('operational', async (t) => {
    await untilState(page, 'operational', /^Operational\n.*What to do\nNothing\./s);
    t.match(await page.title(), /^operational – entropyd$/);
    await page.waitForSelector('.source');
    t.match(await read(page, '#sources'), /getrandom\nPasses its health tests/);
    t.match(await read(page, '#sources'), /hwrng\n.*Device\n\/dev\/urandom/s);
    t.match(await read(page, '#transitions'), /ago, \d{4}-\d\d-\d\d .*\noperational/);
    t.match(
      await read(page, '#facts'),
      new RegExp(`Daemon\\nentropyd .*process ${daemon.child.pid}`),
    );
    t.match(await read(page, '#facts'), `127.0.0.1:${port}, unix:/`);
    await looksRight(t, page, 'operational');
  });

  await t.test('requests move the figures and the charts', async (t) => {
    await page.waitForSelector('#requests .first[d^=M]', { state: 'attached' });
    const before = { requests: await chart(page, 'requests'), bytes: await chart(page, 'bytes') };
    const client = connect({ socketPath });
    t.teardown(() => client.close());
    const load = setInterval(() => void client.random(1000).catch(() => {}), 5);
    t.teardown(() => clearInterval(load));
    const figures = /^(?<requests>[\d.]+)\s\/s\|[\d.]+\skB\/s\|[\d.]+\s.s median[\d.]+\s.s 99th/;
    await until(async () => {
      const texts = await page.locator('.figure').allTextContents();
      return Number(figures.exec(texts.join('|'))?.groups?.requests) > 20;
    }, 'rates of what was asked');
    t.not(await chart(page, 'requests'), before.requests);
    t.not(await chart(page, 'bytes'), before.bytes);
    t.match(
      await page.locator('#requests svg').getAttribute('aria-label'),
      /^Requests per second, last two minutes\. requests: now \d.*\/s; highest \d.*\.$/,
    );
  });

  await t.test('a page that is hidden asks nothing', async (t) => {
    await setHidden(page, true);
    const asked = requests.length;
    // A timer of the page, set after its own for the next request and longer.
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 1_500))');
    t.equal(requests.length, asked);
    await setHidden(page, false);
    await page.waitForRequest(`${url}status`);
  });

  await t.test('a daemon that is away is said to be that, and since when', async (t) => {
    await daemon.kill('SIGTERM');
    await untilState(page, 'unreachable', /^The daemon does not answer\n.*Reason .+/s);
    t.match(await read(page, '#since'), /^No answer for \d+ s, since \d{4}-/);
    t.match(await read(page, '#freshness'), /^Last update at \d\d:\d\d:\d\d; retrying /);
    t.match(await read(page, '#stale'), 'the last update');
    t.match(await page.title(), 'unreachable');
    await looksRight(t, page, 'unreachable');
  });

  await t.test('it is back, degraded: its device gives zeros', async (t) => {
    daemon = startDaemon(all, socketPath, '/dev/zero');
    await untilState(
      page,
      'degraded',
      /^Degraded\n.*Reason hwrng failed.*A failed\s+source stays out/s,
    );
    t.match(
      await read(page, '.source[data-level="bad"]'),
      /hwrng\nFailed .*Alarms\n1\nLast alarm\nrepetition count/s,
    );
    t.match(await read(page, '#transitions'), /\ndegraded: hwrng failed/);
    t.equal(await read(page, '#stale').catch(() => ''), '');
    await looksRight(t, page, 'degraded');
  });

  await t.test('a gateway that is away is said to be that', async (t) => {
    await gateway.kill('SIGTERM');
    await untilState(page, 'no-gateway', /^The gateway does not answer\n.*Reason no connection/s);
    await looksRight(t, page, 'no-gateway');
    gateway = (await startGatewayProgram(all, socketPath, port)).program;
    await setHidden(page, false);
    await untilState(page, 'degraded', /hwrng failed/);
  });

  t.strictSame(faults, []);
  t.ok(requests.length > 10, `${requests.length} requests`);
  await Promise.all([daemon.kill('SIGTERM'), gateway.kill('SIGTERM')]);
});

testWith(chromiumClient, 'the page shows seeding and an error', async (t, command) => {
  const daemon = await startScriptedDaemon(t, [
    { name: 'hwrng', role: 'seed', blocking: true, credit: 8, fault: 'block' },
    { name: 'getrandom', role: 'kernel' },
    { name: 'rndrrs', role: 'seed', words: true, fault: 'absent' },
  ]);
  const client = connect({ socketPath: daemon.path });
  t.teardown(() => client.close());
  await client.health();
  daemon.still = true;
  daemon.setFault('hwrng', 'none');
  const log = memoryLog();
  const gateway = await startGateway({ listen: ['127.0.0.1:0'], client, dialect: 'otc', log });
  t.teardown(() => gateway.close());
  const browser = await startBrowser(command);
  const { page, faults } = await openPage(browser, `http://${gateway.addresses[0]}/`);

  await untilState(page, 'seeding', /^Seeding\n.*Reason startup test of the credited source/s);
  await page.waitForSelector('.source');
  t.match(await read(page, '#sources'), /hwrng\nStartup test is running/);
  t.match(await read(page, '#absent-sources'), 'Not on this host: rndrrs.');
  await looksRight(t, page, 'seeding');
  daemon.still = false;
  await until(() => client.random(32).catch(() => false), 'a first seed');
  await untilState(page, 'operational', /^Operational\n/);
  daemon.setFault('hwrng', 'zeros');
  daemon.reseed();
  await untilState(page, 'error', /^Error\n.*Reason no credited noise source: hwrng failed/s);
  t.match(await read(page, '#state'), /entropyctl reseed.*Do not restart in a loop/s);
  await looksRight(t, page, 'error');
  t.strictSame(faults, []);
});
