/** One case of a file in the format of test/vectors/drbg-cavp-small.json; all values are hex. */
export interface VectorCase {
  id: number;
  mech: string;
  mode: string;
  df: boolean | null;
  pr: boolean;
  entropyInput: string;
  nonce: string;
  persoString: string;
  otherInput: {
    intendedUse: 'reSeed' | 'generate';
    additionalInput: string;
    entropyInput: string;
  }[];
  returnedBits: string;
}
export function applies(test: VectorCase): boolean;
export function passes(test: VectorCase): boolean;
