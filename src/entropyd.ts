#!/usr/bin/env node
/** The program `entropyd`. */
import { runProgram } from './common/program.js';
import { entropydProgram } from './entropyd/command-line.js';

// What ps, top and pidof show; else all programs of Node are called alike.
process.title = 'entropyd';
await runProgram(entropydProgram(), process.argv);
