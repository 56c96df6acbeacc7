#!/usr/bin/env node
/** The program `entropyctl`. */
import { runProgram } from './commands/run.js';
import { program } from './program-entropyctl.js';

await runProgram(program, process.argv);
