// The tests' access to the CPU jitter source.
#pragma once

#include <napi.h>

namespace entropyd::test {

// Adds `Jitter`, a CPU jitter source on a clock that the test chooses.
void ExportJitter(Napi::Env env, Napi::Object exports);

}  // namespace entropyd::test
