import t from 'tap';
import {
  allowsForwarding,
  isOperation,
  operationNames,
  randomOperations,
} from '../../src/apis/operations.js';

t.test('allow takes the names of what is served, and of what goes on', async (t) => {
  for (const [name, known] of [
    ...[...randomOperations, ...operationNames].map((name) => [name, true] as const),
    ['upstream:CreateKey', true],
    ['upstream:', false],
    ['upstream:*', false],
    [`upstream:${'a'.repeat(65)}`, false],
    ['CreateKey', false],
    ['', false],
  ] as const)
    t.equal(isOperation(name), known, name);
});

t.test('an operation of the upstream is allowed by its name, or with all of them', async (t) => {
  for (const [allow, allowed] of [
    [['upstream'], true],
    [['upstream:Decrypt'], true],
    [['upstream:Encrypt'], false],
    [['GenerateRandom', 'gen-random'], false],
    [[], false],
  ] as const)
    t.equal(allowsForwarding(new Set(allow), 'Decrypt'), allowed, allow.join());
});
