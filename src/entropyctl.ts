#!/usr/bin/env node
import { endOnSignals, runProgram } from './common/program.js';
/** The program `entropyctl`. */
import { entropyctlProgram } from './entropyctl/command-line.js';

endOnSignals();
await runProgram(entropyctlProgram(), process.argv);
