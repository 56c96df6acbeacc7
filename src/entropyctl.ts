#!/usr/bin/env node
/** The program `entropyctl`. */
import { endOnSignals, runProgram } from './common/program.js';
import { entropyctlProgram } from './entropyctl/command-line.js';

endOnSignals();
await runProgram(entropyctlProgram(), process.argv);
