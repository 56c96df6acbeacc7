// The addon's class Poller: reads many sockets, and enters JavaScript once for all that a turn of
// the event loop brought.
#pragma once

#include <napi.h>

namespace entropyd {

// The constructor; src/common/package.ts declares its instances.
Napi::Function PollerClass(Napi::Env env);

}  // namespace entropyd
