/** The documents: links lead to existing files and headings, named paths exist, and limits are those of the code. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { maxFileBytes } from '../src/common/regular-file.js';
import { chunkSize } from '../src/common/unix-socket.js';
import { defaultLimits, defaultGatewayLimits as gatewayLimits } from '../src/config/config.js';
import { httpLimits } from '../src/gateway/http-server.js';
import { generatorDefaults } from '../src/generator/interface.js';
import { reservedChunks } from '../src/server/output-chunks.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const isDocument = (name: string) => name.endsWith('.md');
const documents = [
  ...readdirSync(root).filter(isDocument),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(isDocument)
    .map((name) => join('docs', name)),
];

/** Without what is between fences or backticks: that is neither link nor heading. */
const prose = (text: string) =>
  text.replace(/^ *(```|~~~)[\s\S]*?^ *\1 *$/gm, '').replace(/`[^`\n]*\]\([^`\n]*`/g, '');

/** Links to somewhere else: with a scheme. */
const isForeign = (target: string) => /^[a-z][a-z+.-]*:/i.test(target);

/** `[text](target)`, and `[name]: target`. */
function linksOf(text: string): string[] {
  const inline = [...prose(text).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const defined = [...prose(text).matchAll(/^\[[^\]]+\]:\s+(\S+)/gm)];
  return [...inline, ...defined].map(([, target]) => target as string).filter((l) => !isForeign(l));
}

/**
 * The anchors of a document, as the web pages of GitHub and GitLab have them: lower case, without
 * punctuation, a hyphen for each space, and numbers after what was there before.
 */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let unique = anchor;
    for (let i = 1; anchors.has(unique); i++) unique = `${anchor}-${i}`;
    anchors.add(unique);
  }
  return anchors;
}

/** Text of a document; empty for other files and folders; undefined if there is none. */
const fromDisk = (path: string) => {
  const file = join(root, path);
  if (!existsSync(file)) return undefined;
  return statSync(file).isDirectory() ? '' : readFileSync(file, 'utf8');
};

/** Why a link of a document leads nowhere; undefined if it leads somewhere. */
function fault(document: string, target: string) {
  const [path = '', anchor] = decodeURIComponent(target).split('#');
  const to = path === '' ? document : relative('.', join(dirname(document), path));
  const text = fromDisk(to);
  if (text === undefined) return `${document}: ${target}: there is no ${to}`;
  if (anchor === undefined || !isDocument(to) || anchorsOf(text).has(anchor)) return undefined;
  return `${document}: ${target}: there is no heading for it in ${to}`;
}

t.test('every link within the repository leads somewhere', async (t) => {
  t.ok(documents.length >= 10, `${documents.length} documents`);
  let links = 0;
  for (const document of documents)
    for (const target of linksOf(fromDisk(document) ?? '')) {
      links++;
      const found = fault(document, target);
      if (found !== undefined) t.fail(found);
    }
  t.ok(links > 80, `${links} links`);
});

/** Folders whose files the documents name in backticks. */
const named =
  /`((?:src|native|test|page|man|prometheus|grafana|kubernetes|systemd|debian|ansible)\/[\w./-]+)`/g;

t.test('every file of the repository that a document names exists', async (t) => {
  const paths = documents.flatMap((document) =>
    [...(fromDisk(document) ?? '').matchAll(named)].map(([, path = '']) => ({ document, path })),
  );
  t.ok(paths.length > 60, `${paths.length} paths`);
  t.strictSame(
    paths.filter(({ path }) => !existsSync(join(root, path))),
    [],
  );
});

t.test('the operator reads the limits that hold', async (t) => {
  const rows = (fromDisk('docs/configuration.md')?.split('\n## Limits\n')[1] ?? '').split('\n');
  const { unsentBytes, unsentBytesPerUser, ...limits } = defaultLimits;
  const mebibytes = (size: number) => `${size / 1024 ** 2} MiB`;
  const seconds = (ms: number) => `${ms / 1000} s`;
  t.equal(limits.bytesPerSecondPerUser, 0);
  for (const [name, value] of [
    ['message_bytes', `${limits.messageBytes.toLocaleString('en')} bytes`],
    [
      'connections',
      `${limits.connections}, and 16 more for administrators; ${limits.connectionsPerUser}`,
    ],
    ['bytes_per_second_per_user', 'no limit'],
    [
      'unsent_bytes',
      `${mebibytes(unsentBytes)}, and ${mebibytes(reservedChunks * chunkSize)} more for administrators; ${mebibytes(unsentBytesPerUser)}; 128 KiB a connection`,
    ],
    ['prediction_resistance_requests_per_user', String(limits.predictionResistanceRequestsPerUser)],
    ['message_seconds', `${limits.messageSeconds} s; ${limits.stallSeconds} s`],
    [
      'reseed_requests',
      `after ${generatorDefaults.reseedRequests} generates or ${generatorDefaults.reseedSeconds} s`,
    ],
    ['all connections', String(gatewayLimits.connections)],
    ['connections of one address', String(gatewayLimits.connectionsPerAddress)],
    ['requests under way', String(gatewayLimits.requests)],
    ['the same of one connection', String(gatewayLimits.requestsPerConnection)],
    ['unread answers (`unsent_bytes`)', mebibytes(gatewayLimits.unsentBytes)],
    ['unread answers of one connection', `${gatewayLimits.unsentBytesPerConnection / 1024} KiB`],
    ['bodies of requests (`body_bytes`)', mebibytes(gatewayLimits.bodyBytes)],
    ['headers', `${httpLimits.headerBytes / 1024} KiB, ${seconds(httpLimits.headersMs)}`],
    ['TLS handshake', seconds(httpLimits.headersMs)],
    ['between requests', `${seconds(httpLimits.keepAliveMs)}; ${seconds(httpLimits.silenceMs)}`],
    ['credentials file', `${mebibytes(maxFileBytes)} each`],
  ] as const) {
    const row = rows.find((each) => {
      const what = each.split('|')[1] ?? '';
      return what.startsWith(` ${name}`) || what.includes(`\`${name}\``);
    });
    t.equal(row?.split('|')[2]?.trim(), value, name);
  }
});
