// The exports `builtInSources`, `describeSource` and `readSource`: raw samples for assessment (SP
// 800-90B 3.1) without a generator, and the parameters of a source's health tests.
#pragma once

#include <napi.h>

namespace entropyd {

// () -> names
Napi::Value BuiltInSources(const Napi::CallbackInfo& info);
// ({name, path, testedBitsPerByte}) -> its traits and cutoffs, or undefined if there is no such
// built-in source. With a path it is a device.
Napi::Value DescribeSource(const Napi::CallbackInfo& info);
// (source as above, samples, restarts) -> a promise of samples * restarts bytes, or undefined
Napi::Value ReadSource(const Napi::CallbackInfo& info);

}  // namespace entropyd
