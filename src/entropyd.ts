#!/usr/bin/env node
import { runProgram } from './common/program.js';
/** The program `entropyd`. */
import { entropydProgram } from './entropyd/command-line.js';

await runProgram(entropydProgram(), process.argv);
