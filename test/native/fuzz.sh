#!/usr/bin/env bash
# Fuzzes the native code under libFuzzer, with the address and undefined behavior sanitizers and leak
# detection: the reading and testing of sources, the way of a seed to the generator's bytes, and the
# answers that libentropyd reads. The findings are in test/native/build/fuzz; a fuzzer with the file of one as its argument repeats it.
#   fuzz.sh [SECONDS]   of all together
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
build=test/native/build/fuzz
mkdir -p "$build"
core=(native/health/{health_tests,tested_source}.cc native/memory/secure_memory.cc)
seeds=(native/drbg/{drbg,seed_provider}.cc native/generator/{generator,generator_state,seed_pool}.cc
  native/health/{background_source,self_test}.cc)

# compile NAME SOURCE... [FLAG]...
compile() {
  local name=$1
  shift
  clang++-14 -std=c++20 -O2 -g -fno-omit-frame-pointer -Wall -Wextra -Werror \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Inative \
    "test/native/$name.cc" "$@" -o "$build/$name"
}

# fuzz NAME SIZE: inputs of SIZE bytes at most
fuzz() {
  local corpus=$build/corpus-$1
  mkdir -p "$corpus"
  # Starts with inputs that are long enough to reach much of the code.
  for seed in $(seq 200); do
    [ -e "$corpus/seed-$seed" ] || head -c "$(($2 / 2))" /dev/urandom >"$corpus/seed-$seed"
  done
  "$build/$1" -max_total_time="$(((seconds + 2) / 3))" -max_len="$2" -len_control=0 -timeout=20 \
    -rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 -print_funcs=0 \
    -artifact_prefix="$build/$1-" "$corpus" 2>&1 |
    tee "$build/$1.log" | grep -vE '^(INFO|#[0-9])' | tail -n 40
}

# The client library is C.
clang-14 -std=c11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -Wall -Wextra -Werror \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Inative/client \
  test/native/client/fuzz_answers.c native/client/message{,pack}.c -o "$build/fuzz_answers"
compile fuzz_sources "${core[@]}" native/sources/device.cc
compile fuzz_seeds "${core[@]}" "${seeds[@]}" -lcrypto
fuzz fuzz_sources 512
fuzz fuzz_seeds 1024
fuzz fuzz_answers 256
