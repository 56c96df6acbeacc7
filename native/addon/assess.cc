// Checks the arguments of `assess`, and reports its result.
#include "addon/assess.h"

#include <memory>
#include <optional>
#include <vector>

#include "addon/arguments.h"
#include "addon/detached.h"
#include "assess/assessment.h"
#include "assess/estimators.h"

namespace entropyd {
namespace {

constexpr int64_t kMaxBitsPerSymbol = 8;

Napi::Value ToNumber(Napi::Env env, const std::optional<double>& value) {
  return value ? Napi::Number::New(env, *value) : env.Null();
}

Napi::Object ToObject(Napi::Env env, const Assessment& assessment) {
  Napi::Object object = Napi::Object::New(env);
  object["bitsPerSymbol"] = Napi::Number::New(env, assessment.bits_per_symbol);
  object["distinct"] = Napi::Number::New(env, assessment.distinct);
  Napi::Array estimates = Napi::Array::New(env);
  for (const Estimate& each : assessment.estimates) {
    Napi::Object estimate = Napi::Object::New(env);
    estimate["name"] = each.name;
    estimate["literal"] = ToNumber(env, each.literal);
    estimate["bitstring"] = ToNumber(env, each.bitstring);
    estimates[estimates.Length()] = estimate;
  }
  object["estimates"] = estimates;
  object["hOriginal"] = Napi::Number::New(env, assessment.h_original);
  object["hBitstring"] = ToNumber(env, assessment.h_bitstring);
  object["minEntropy"] = Napi::Number::New(env, assessment.min_entropy);
  return object;
}

}  // namespace

Napi::Value AssessSamples(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  napi_typedarray_type type{};
  size_t size = 0;
  void* data = nullptr;
  int64_t bits = 0;
  bool literal_only = false;
  if (info.Length() < 2 ||
      napi_get_typedarray_info(env, info[0], &type, &size, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array || napi_get_value_int64(env, info[1], &bits) != napi_ok ||
      (info.Length() > 2 && napi_get_value_bool(env, info[2], &literal_only) != napi_ok)) {
    RefuseType(env, "expected (Uint8Array, bitsPerSymbol, literalOnly)");
    return env.Undefined();
  }
  if (size > kMaxSymbols || bits < 0 || bits > kMaxBitsPerSymbol) {
    Napi::RangeError::New(env, "want at most 134,217,728 samples of 1 to 8 bits")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto promise = Napi::Promise::Deferred::New(env);
  // A copy: the thread must not depend on an array that JavaScript can detach.
  const auto* const bytes = static_cast<const uint8_t*>(data);
  auto samples = std::make_shared<const std::vector<uint8_t>>(bytes, bytes + size);
  auto result = std::make_shared<Assessment>();
  const bool started = RunDetached(
      env,
      [samples, bits, literal_only, result] {
        *result = Assess(*samples, static_cast<unsigned>(bits), literal_only);
      },
      [promise, result](Napi::Env done_env) {
        if (result->error.empty())
          promise.Resolve(ToObject(done_env, *result));
        else
          promise.Reject(Napi::Error::New(done_env, result->error).Value());
      });
  if (!started) promise.Reject(Napi::Error::New(env, kNoThread).Value());
  return promise.Promise();
}

}  // namespace entropyd
