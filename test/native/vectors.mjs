/** NIST's DRBG vectors through the product's own DRBG. */
import { createRequire } from 'node:module';

const { Drbg } = createRequire(import.meta.url)(
  process.env.ENTROPYD_TEST_ADDON ?? './build/Release/entropyd_test.node',
);

const hex = (text) => Buffer.from(text, 'hex');

/** Whether the product uses this mechanism: CTR_DRBG, AES-256, without derivation function. */
export function applies({ mech, mode, df }) {
  return mech === 'CTR_DRBG' && mode === 'AES-256' && df === false;
}

/** Runs a case: whether the output of the last generate is the expected one. */
export function passes(test) {
  const drbg = new Drbg();
  if (!drbg.instantiate(hex(test.entropyInput + test.nonce), hex(test.persoString))) return false;
  const size = test.returnedBits.length / 2;
  let last = null;
  for (const { intendedUse, additionalInput, entropyInput } of test.otherInput) {
    const fresh = test.pr ? hex(entropyInput) : undefined;
    if (intendedUse === 'generate') last = drbg.generate(size, hex(additionalInput), fresh);
    else if (!drbg.reseed(hex(entropyInput), hex(additionalInput))) return false;
  }
  return last?.equals(hex(test.returnedBits)) ?? false;
}
