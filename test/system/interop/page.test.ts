/** The gateway's page in a real browser, before real programs in every state. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { createGenerator } from '../../../src/generator/create.js';
import { startServer, untilAnswers } from '../../support/daemon.js';
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
  return new Program(t, [built('entropyd'), ...args]);
}

/** The gateway as a program of its own; the port that the kernel chose for 0. */
async function startGatewayProgram(t: Test, socketPath: string, port = 0) {
  const listen = ['--listen', `127.0.0.1:${port}`, '--listen', `unix:${freePath()}`];
  const program = new Program(t, [built('entropyd'), 'gateway', '--socket', socketPath, ...listen]);
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
    await untilState(page, 'operational', /^Operational.*What to do\nNothing\./s);
    t.match(await page.title(), /^operational – \S+ – entropyd$/);
    await page.waitForSelector('.source');
    t.match(await read(page, '#sources'), /getrandom\nPasses its health tests/);
    t.match(await read(page, '#sources'), /hwrng\n.*Device\n\/dev\/urandom/s);
    t.match(await read(page, '#transitions'), /ago, \d{4}-\d\d-\d\d .*\noperational/);
    t.match(
      await read(page, '#facts'),
      new RegExp(`Daemon\\nentropyd .*process ${daemon.child.pid}`),
    );
    t.match(await read(page, '#facts'), `127.0.0.1:${port}, unix:/`);
    t.match(await read(page, '#warnings'), /^open: any well-formed signature or token is accepted/);
    await looksRight(t, page, 'operational');
  });

  await t.test('requests move the figures and the charts', async (t) => {
    await page.waitForSelector('#requests .first[d^=M]', { state: 'attached' });
    const before = { requests: await chart(page, 'requests'), bytes: await chart(page, 'bytes') };
    const client = connect({ socketPath });
    t.teardown(() => client.close());
    const load = setInterval(() => void client.random(1000).catch(() => {}), 5);
    t.teardown(() => clearInterval(load));
    const figures = /^(?<requests>[\d.]+)\s\/s\|[\d.]+\sKiB\/s\|[\d.]+\s.s median[\d.]+\s.s 99th/;
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
    t.match(await read(page, '#freshness'), /^Last update at \d\d:\d\d:\d\d \S+; retrying /);
    t.match(await read(page, '#stale'), 'the last update');
    t.match(await page.title(), 'unreachable');
    await looksRight(t, page, 'unreachable');
  });

  await t.test('it is back, degraded: its device gives zeros', async (t) => {
    daemon = startDaemon(all, socketPath, '/dev/zero');
    await untilState(
      page,
      'degraded',
      /^Degraded.*Reason hwrng failed a health test \(repetition count\).*A failed\s+source stays out until entropyctl selftest/s,
    );
    t.match(
      await read(page, '.source[data-level="bad"]'),
      /hwrng\nFailed a health test \d+\s.* ago; entropyctl selftest .*Alarms\n1\nLast alarm\nrepetition count/s,
    );
    t.match(await read(page, '#transitions'), /\ndegraded: hwrng failed a health test/);
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

/** The page of a gateway before a scripted daemon. */
async function openScripted(t: Test, command: string, path: string) {
  const client = connect({ socketPath: path });
  t.teardown(() => client.close());
  const log = memoryLog();
  const gateway = await startGateway({ listen: ['127.0.0.1:0'], client, dialect: 'otc', log });
  t.teardown(() => gateway.close());
  const browser = await startBrowser(command);
  return { client, ...(await openPage(browser, `http://${gateway.addresses[0]}/`)) };
}

testWith(chromiumClient, 'the page shows seeding, waiting and an error', async (t, command) => {
  const daemon = await startScriptedDaemon(t, [
    { name: 'hwrng', role: 'seed', tested: 7.5, credit: 7.5, fault: 'tryAgain' },
    { name: 'getrandom', role: 'kernel', physical: false, tested: 8 },
    { name: 'rndrrs', role: 'seed', words: true, fault: 'absent' },
  ]);
  const { client, page, faults } = await openScripted(t, command, daemon.path);

  await untilState(
    page,
    'seeding',
    /^Seeding\n.*Reason waiting \d+ s for the first seed from hwrng/s,
  );
  await page.waitForSelector('.source');
  t.match(await read(page, '#sources'), /hwrng\nStartup test is running/);
  t.match(await read(page, '#absent-sources'), 'Not on this host: rndrrs.');
  await looksRight(t, page, 'seeding');
  daemon.advance(5);
  await untilState(page, 'seeding', /Reason waiting .* from hwrng, hwrng silent for \d+ s/);
  daemon.advance(65);
  const sources = () => read(page, '#sources');
  await until(
    async () => /hwrng\nWaiting for the hardware: no data for 1\smin 5\ss/.test(await sources()),
    'a minute',
  );
  t.match(
    await sources(),
    /hwrng\n.*counted as 0 bits per byte; its tests expect 7\.5\nNoise\nphysical/s,
  );
  t.match(await sources(), /getrandom\n.*Noise\nkernel generator, not physical/s);
  await looksRight(t, page, 'waiting');
  daemon.setFault('hwrng', 'none');
  await until(() => client.random(32).catch(() => false), 'a first seed');
  await untilState(page, 'operational', /^Operational\n.*from noise sources that pass/s);
  t.match(await read(page, '#facts'), 'RBG2(P): seeded by physical noise sources');
  t.match(await sources(), /hwrng\n.*counted as 7\.5 bits per byte; its tests expect 7\.5/s);
  daemon.setFault('hwrng', 'zeros');
  daemon.reseed();
  await untilState(
    page,
    'error',
    /^Error\n.*Reason hwrng failed a health test.*selftest tests it again/s,
  );
  t.match(await read(page, '#state'), /Then run entropyctl selftest.*Do not restart in a loop/s);
  await looksRight(t, page, 'error');
  daemon.setFault('hwrng', 'none');
  t.ok(daemon.selfTest());
  await untilState(page, 'operational', /^Operational\n/);
  t.strictSame(faults, []);
});

testWith(
  chromiumClient,
  'the first line says what is untested, and by whom it is seeded',
  async (t, command) => {
    const daemon = await startScriptedDaemon(
      t,
      [
        {
          name: 'jitter',
          role: 'seed',
          physical: false,
          reserve: true,
          tested: 0.5,
          credit: 0.5,
          fault: 'tryAgain',
        },
        { name: 'getrandom', role: 'kernel', physical: false, tested: 8 },
      ],
      'default',
    );
    const { page, faults } = await openScripted(t, command, daemon.path);
    const first =
      /^Operational, seeded by the kernel alone\n.*Reason seeded by getrandom\(2\) alone/s;
    await untilState(page, 'operational', first);
    t.match(await read(page, '#state'), /Only getrandom\(2\), the kernel’s generator, is credited/);
    await until(async () => /RBGC: seeded by/.test(await read(page, '#facts')), 'the construction');
    await looksRight(t, page, 'kernel');
    daemon.setFault('jitter', 'none');
    await until(
      async () => /jitter\nPasses its health tests/.test(await read(page, '#sources')),
      'the startup test',
    );
    daemon.reseed();
    await untilState(page, 'operational', /^Operational\n/);
    t.match(await read(page, '#facts'), /RBG2\(NP\): seeded by noise that is not physical/);
    t.match(
      await read(page, '#sources'),
      /jitter\n.*counted as 0\.5 bits per byte; its tests expect 0\.5\nNoise\nCPU timing, not physical/s,
    );
    await looksRight(t, page, 'not-physical');

    const server = await startServer(t, createGenerator({}, { reason: 'not built' }));
    const fallback = await openScripted(t, command, server.path);
    await untilState(
      fallback.page,
      'fallback',
      /^Fallback: untested bytes\n.*Reason serving untested/s,
    );
    await looksRight(t, fallback.page, 'fallback');
    t.strictSame([...faults, ...fallback.faults], []);
  },
);
