#!/usr/bin/env node
/** The program `entropyctl`. */
import { entropyctlProgram } from './commands/entropyctl-program.js';
import { endOnSignals, runProgram } from './common/program.js';

endOnSignals();
await runProgram(entropyctlProgram(), process.argv);
