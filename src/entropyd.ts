#!/usr/bin/env node
/** The program `entropyd`. */
import { runProgram } from './commands/run.js';
import { program } from './program-entropyd.js';

await runProgram(program, process.argv);
