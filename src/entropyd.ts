#!/usr/bin/env node
/** The program `entropyd`. */
import { entropydProgram } from './commands/entropyd-program.js';
import { runProgram } from './common/program.js';

await runProgram(entropydProgram(), process.argv);
