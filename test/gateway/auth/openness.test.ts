import t from 'tap';
import {
  checkAccess,
  missingForOthers,
  type Openness,
  warningsOf,
} from '../../../src/gateway/auth/openness.js';

const credentials = '/credentials.toml';

t.test('a gateway is open by decision or by hand, and never against a decision', async (t) => {
  const both = /credentials = "FILE" in \[gateway\], or access = "open"/;
  const contradiction = /^access = "open" contradicts credentials and require_signatures/;
  const required = /^signatures are required.*--credentials FILE$/;
  for (const [options, message] of [
    [{}, undefined],
    [{ access: 'open' }, undefined],
    [{ credentials }, undefined],
    [{ credentials, requireSignatures: true }, undefined],
    [{ requireSignatures: true }, required],
    [{ requireSignatures: true, noOpen: true }, required],
    [{ noOpen: true }, both],
    [{ noOpen: true, insecureNetwork: true }, both],
    [{ noOpen: true, access: 'open' }, undefined],
    [{ noOpen: true, credentials }, undefined],
    [{ access: 'open', credentials }, contradiction],
    [{ access: 'open', requireSignatures: true }, contradiction],
    [{ access: 'open', noOpen: true, credentials }, contradiction],
  ] satisfies [Openness, RegExp | undefined][]) {
    const name = JSON.stringify(options);
    if (message === undefined) t.doesNotThrow(() => checkAccess(options), name);
    else t.throws(() => checkAccess(options), { code: 'ERR_CONFIG', message }, name);
  }
});

t.test('other hosts need TLS and credentials, but on an insecure network', async (t) => {
  const [tls, file] = ['TLS (--tls-cert and --tls-key)', 'a credentials file (--credentials)'];
  for (const [options, missing] of [
    [{}, [tls, file]],
    [{ access: 'open' }, [tls, file]],
    [{ tls: {} }, [file]],
    [{ credentials }, [tls]],
    [{ tls: {}, credentials }, []],
    [{ insecureNetwork: true }, []],
    [{ insecureNetwork: true, hostOnly: true }, ['a gateway of its own (entropyd gateway)']],
  ] satisfies [Openness, string[]][])
    t.strictSame(missingForOthers(options), missing, JSON.stringify(options));
});

t.test('warns of a gateway that is open, and of an insecure network', async (t) => {
  const [open, insecure] = [/^open: any well-formed/, /^insecure network: other hosts may/];
  for (const [insecureNetwork, verifies, wanted] of [
    [false, true, []],
    [false, false, [open]],
    [true, true, [insecure]],
    [true, false, [open, insecure]],
  ] as const) {
    const warnings = warningsOf({ insecureNetwork }, verifies);
    t.equal(warnings.length, wanted.length);
    t.match(warnings, wanted);
  }
});
