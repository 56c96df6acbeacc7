#!/usr/bin/env node
/** The program `entropyctl`. */
import { endOnSignals, runProgram } from './common/program.js';
import { entropyctlProgram } from './entropyctl/command-line.js';

process.title = 'entropyctl';
endOnSignals();
await runProgram(entropyctlProgram(), process.argv);
