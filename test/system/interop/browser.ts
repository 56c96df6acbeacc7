/** Debian's headless Chromium, and what a page in it must never do. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import root from 'tap';
import { commandClient } from './installed.js';

export const chromiumClient = commandClient(
  '/usr/bin/chromium',
  'Chromium (Debian package chromium)',
);

/** Longest that a page may take to show something, ms. */
const shownMs = 30_000;

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let starting: Promise<Browser> | undefined;

/** Starts it with the first call, until the file's tests end. No host name resolves in it. */
export function startBrowser(executablePath: string): Promise<Browser> {
  starting ??= chromium.launch({
    executablePath,
    args: [
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      // Its sandbox refuses to run as root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  return starting;
}

root.teardown(async () => (await starting)?.close());

/** A page, and what it must not have done. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors, warnings, violations of the policy, and requests that left for another origin. */
  readonly faults: string[];
  /** URLs that it requested. */
  readonly requests: string[];
}

/** Opens a URL. Failing requests do not count as faults of the page. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(shownMs);
  const faults: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    const text = `${message.type()}: ${message.text()}`;
    if (/^(error|warning)/.test(text) && !text.startsWith('error: Failed to load resource'))
      faults.push(text);
  });
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  page.on('request', (request) => {
    requests.push(request.url());
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(request.url());
  });
  await page.exposeFunction('violated', (text: string) => faults.push(`violation: ${text}`));
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
    violated(event.violatedDirective + ' ' + event.blockedURI);
  })`);
  await page.goto(url);
  return { page, faults, requests };
}

/** axe-core's findings about the page as it is now, a line each. */
export async function violations(page: Page): Promise<string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(`${axe}; undefined`);
  const { violations, incomplete } = (await page.evaluate('axe.run()')) as AxeResults;
  const undecided = incomplete.filter(({ id }) => id !== 'color-contrast');
  return [...violations, ...undecided].flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** The visible text, line by line. The page holds the words for all states and shows those of one. */
export async function read(page: Page, selector: string): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: has what is hidden, too
  return (await page.locator(selector).innerText())
    .replaceAll('\u00a0', ' ')
    .replace(/\s*\n\s*/g, '\n');
}
