#!/usr/bin/env node
/** The program `entropyd`. */
import { runProgram } from './common/program.js';
import { entropydProgram } from './entropyd/command-line.js';

await runProgram(entropydProgram(), process.argv);
