#!/bin/sh
# Format and static analysis of the C++ and C code; any finding fails.
set -eu
cd "$(dirname "$0")/.."
sources=$(git ls-files 'native/*.cc' 'native/*.c' 'test/native/*.cc' 'test/native/*.c' 'bench/*.c' 'bench/*.cc')
headers=$(git ls-files 'native/*.h' 'test/native/*.h' 'bench/*.h')
# shellcheck disable=SC2086
clang-format-14 --dry-run --Werror $sources $headers
node_headers=$(node native/headers.cjs)/include/node
addon_api=$(node -p 'require("node-addon-api").include_dir')
# On every core, and the largest files first, so that no core waits for one at the end.
# shellcheck disable=SC2086
ls -S $sources | grep '\.cc$' | xargs -P "$(nproc)" -I{} clang-tidy-14 --quiet {} -- \
  -std=c++20 -DNAPI_VERSION=8 -DNODE_ADDON_API_DISABLE_DEPRECATED \
  -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -Inative -isystem "$node_headers" -isystem "$addon_api"
# Annex K of C11 is not in glibc; memcpy and its like are all there is.
# shellcheck disable=SC2086
ls -S $sources | grep 'native/.*client/.*\.c$' | xargs -P "$(nproc)" -I{} clang-tidy-14 --quiet \
  --checks=-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling {} -- \
  -std=c11 -D_GNU_SOURCE '-DENTROPYD_VERSION=""' -Inative/client -idirafter "$node_headers"
