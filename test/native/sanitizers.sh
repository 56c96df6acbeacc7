#!/usr/bin/env bash
# Runs the native tests, and the product's addon with arbitrary arguments, under AddressSanitizer and
# UndefinedBehaviorSanitizer, and the generator's scenarios without node under these with
# LeakSanitizer, and under ThreadSanitizer.
#   sanitizers.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
build=test/native/build/sanitizers
headers=$(node native/headers.cjs)/include/node
addon_api=$(node -p 'require("node-addon-api").include_dir')
# The product's own list; a .gypi file is a Python literal.
sources() {
  python3 - "$1" <<'END'
import ast, sys
variables = ast.literal_eval(open('native/core.gypi').read())['variables']
print('\n'.join(path.replace('<(native)', 'native') for path in variables[sys.argv[1]]))
END
}
mapfile -t core < <(sources core_sources)
mapfile -t product < <(sources addon_sources)

# compile NAME SANITIZERS SOURCE...: objects, in a folder of their own
compile() {
  local folder=$build/$1 sanitizers=$2
  shift 2
  mkdir -p "$folder"
  printf '%s\n' "$@" | FOLDER=$folder xargs -P "$(nproc)" -I{} sh -c \
    'exec "$@" -c "$0" -o "$FOLDER/$(basename "$0" .cc).o"' {} \
    g++ -std=c++20 -O1 -g -fPIC -fno-omit-frame-pointer -Wall -Wextra -Werror \
    "-fsanitize=$sanitizers" -fno-sanitize-recover=all \
    -DNAPI_VERSION=8 -DNODE_ADDON_API_DISABLE_DEPRECATED -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS \
    -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS \
    -Inative -isystem "$headers" -isystem "$addon_api"
}
# link NAME SANITIZERS OUTPUT FLAG...
link() {
  local folder=$build/$1 sanitizers=$2 output=$3
  shift 3
  g++ "-fsanitize=$sanitizers" "$folder"/*.o -o "$build/$output" "$@"
}
# Control: a sanitizer that detects nothing would pass everything.
must_fail() {
  if "$@" >"$build/control" 2>&1; then
    echo "the sanitizer did not detect: $*" && exit 1
  fi
  grep -m 1 '^SUMMARY' "$build/control"
}

rm -rf "$build"
scripted=test/native/scripted_source.cc
# Without `null`, beside which g++ takes no function as a template's argument; napi.h has such ones.
undefined=address,alignment,bool,bounds,enum,float-cast-overflow,shift,signed-integer-overflow,vptr
compile addon address,undefined test/native/{test_addon,jitter_exports}.cc "$scripted" "${core[@]}"
compile addon "$undefined" native/addon/assess.cc
# Node exports OpenSSL's symbols; they are resolved at load.
link addon address,undefined entropyd_test.node -shared
compile product "$undefined" "${product[@]}" "${core[@]}"
link product "$undefined" entropyd.node -shared
compile address address,undefined test/native/scenarios.cc "$scripted" "${core[@]}"
link address address,undefined scenarios_address -lcrypto
compile thread thread test/native/scenarios.cc "$scripted" "${core[@]}"
link thread thread scenarios_thread -lcrypto

echo '-- scenarios: addresses, undefined behavior, leaks'
must_fail "$build/scenarios_address" leak
must_fail "$build/scenarios_address" overflow
timeout 300 "$build/scenarios_address"

echo '-- scenarios: threads'
# A forked child generates bytes and starts no thread.
export TSAN_OPTIONS=die_after_fork=0:halt_on_error=1
must_fail "$build/scenarios_thread" race
timeout 300 "$build/scenarios_thread"

echo '-- the tests of the addon: addresses, undefined behavior'
# Without leak detection: node's own leaks, which it leaves to the end of the process, hide ours.
runtimes=$(realpath "$(g++ -print-file-name=libasan.so)"):$(realpath "$(g++ -print-file-name=libubsan.so)")
control="require('./$build/entropyd_test.node').testSamples(Buffer.alloc(9, 1), true)"
must_fail env LD_PRELOAD="$runtimes" ASAN_OPTIONS=detect_leaks=0 node -e "$control"
timeout 600 npx tap --disable-coverage --reporter=tap --jobs=1 \
  --test-env=TAP_TYPE_STRIP_ONLY=1 --test-env=ENTROPYD_TEST_ADDON="$PWD/$build/entropyd_test.node" \
  --test-env=ENTROPYD_ADDON="$PWD/$build/entropyd.node" \
  --test-env=LD_PRELOAD="$runtimes" \
  --test-env=ASAN_OPTIONS=detect_leaks=0 --test-env=UBSAN_OPTIONS=print_stacktrace=1 \
  test/native/{assess,health-tests,drbg,state,generator,device,jitter,fuzz-arguments}.test.ts >"$build/report" 2>&1 ||
  { grep -vE '^\s*(ok|#)' "$build/report" | tail -n 400; exit 1; }
tail -n 5 "$build/report"
