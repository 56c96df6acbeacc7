// The addon's class Generator.
#pragma once

#include <napi.h>

namespace entropyd {

// The constructor; src/common/package.ts declares its instances.
Napi::Function GeneratorClass(Napi::Env env);

}  // namespace entropyd
