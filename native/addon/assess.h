// The export `assess`, in the product's addon and in the tests'.
#pragma once

#include <napi.h>

namespace entropyd {

// (samples, bitsPerSymbol, literalOnly = false) -> a promise of the estimates; bitsPerSymbol 0: as
// few as hold them. It rejects with what is wrong with the samples. src/common/package.ts declares
// the result.
Napi::Value AssessSamples(const Napi::CallbackInfo& info);

}  // namespace entropyd
