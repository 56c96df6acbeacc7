#!/usr/bin/env bash
# Runs the tests of libentropyd and of the OpenSSL provider under AddressSanitizer with LeakSanitizer, UndefinedBehaviorSanitizer, and
# ThreadSanitizer: the library's sources are compiled into the tests' programs.
#   sanitizers.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=test/native/client
build=test/native/build/client-sanitizers
library=(native/client/{connection,exchange,libentropyd,message,messagepack}.c)
rm -rf "$build"
mkdir -p "$build"

# compile OUTPUT SANITIZERS SOURCE...
compile() {
  local output=$build/$1 sanitizers=$2
  shift 2
  gcc -std=c11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -pthread -Wall -Wextra -Werror \
    "-fsanitize=$sanitizers" -fno-sanitize-recover=all -Inative/client "$@" -o "$output"
}
# Control: a sanitizer that detects nothing would pass everything.
must_detect() {
  if echo "control $2" | "$build/$1" >"$build/control" 2>&1; then
    echo "$1: the sanitizer did not detect: $2" && exit 1
  fi
  grep -m 1 '^SUMMARY' "$build/control"
}
# tests PROGRAM TEST...
tests() {
  local program=$1
  shift
  timeout 900 npx tap --disable-coverage --reporter=tap --jobs=1 \
    --test-env=TAP_TYPE_STRIP_ONLY=1 --test-env=ENTROPYD_TEST_CLIENT="$PWD/$build/$program" --test-env=ENTROPYD_TEST_PROVIDER="$PWD/$build/$program" \
    --test-env=TSAN_OPTIONS=die_after_fork=0:halt_on_error=1 --test-env=UBSAN_OPTIONS=print_stacktrace=1 \
    "$@" >"$build/report" 2>&1 ||
    { grep -vE '^\s*(ok|#)' "$build/report" | tail -n 400; exit 1; }
  tail -n 3 "$build/report"
}

echo '-- answers: addresses, undefined behavior, leaks'
compile answers address,undefined "$here"/{answers,fuzz_answers}.c native/client/{message,messagepack}.c
seed=$RANDOM
echo "seed $seed"
timeout 300 "$build/answers" "$seed" 2000000

echo '-- clients: addresses, undefined behavior, leaks'
compile client_address address,undefined "$here/client_program.c" "${library[@]}"
must_detect client_address overflow
must_detect client_address leak
tests client_address "$here"/{daemon,hostile}.test.ts

echo '-- clients: threads'
compile client_thread thread "$here/client_program.c" "${library[@]}"
must_detect client_thread race
tests client_thread "$here"/{daemon,hostile}.test.ts

# OpenSSL itself is not instrumented. What the provider has at its end is freed when OpenSSL unloads it.
provider=("$here/provider_program.c" native/client/{provider,provider_rand}.c "${library[@]}" -DBUILTIN
  '-DENTROPYD_VERSION="0.0"' -lcrypto)
echo '-- the provider: addresses, undefined behavior, leaks'
compile provider_address address,undefined "${provider[@]}"
tests provider_address test/system/host/provider.test.ts

echo '-- the provider: threads'
compile provider_thread thread "${provider[@]}"
must_detect provider_thread race
tests provider_thread test/system/host/provider.test.ts
