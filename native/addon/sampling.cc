// Instances of sources for one assessment, each restart with one of its own.
#include "addon/sampling.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "addon/detached.h"
#include "health/health_tests.h"
#include "health/raw_samples.h"
#include "sources/noise_source.h"

namespace entropyd {
namespace {

// Bounds memory: as many as `assess` takes.
constexpr int64_t kMaxSamples = int64_t{1} << 27;
constexpr double kMinBitsPerByte = 0.001;
constexpr double kMaxBitsPerByte = 8;

// Makes the source of the first argument. False with an exception pending if it describes none;
// `make` is empty if no built-in source has the name.
bool GetSource(const Napi::CallbackInfo& info, SourceFactory& make) {
  constexpr char kExpected[] = "expected {name, path, testedBitsPerByte: 0.001 to 8}";
  const Napi::Env env = info.Env();
  DeviceConfig config;
  if (!info[0].IsObject()) return RefuseType(env, kExpected);
  if (!GetText(env, Property(env, info[0], "name"), config.name, kExpected) ||
      !GetText(env, Property(env, info[0], "path"), config.path, kExpected) ||
      !GetNumber(env, Property(env, info[0], "testedBitsPerByte"), config.tested_bits_per_byte,
                 kExpected))
    return false;
  // Written so that NaN is out of range.
  if (!(config.tested_bits_per_byte >= kMinBitsPerByte &&
        config.tested_bits_per_byte <= kMaxBitsPerByte))
    return RefuseType(env, kExpected);
  if (!config.path.empty()) {
    make = [config] { return MakeDevice(config); };
    return true;
  }
  for (const auto& built_in : kBuiltInSources)
    if (built_in()->traits().name == config.name) make = built_in;
  return true;
}

// The samples of all restarts, one after the other, or why there are none.
struct Collection {
  std::vector<uint8_t> samples;
  std::string error;
};

void Collect(const SourceFactory& make, size_t size, size_t restarts, Collection& collection) {
  const auto never = std::make_shared<const std::atomic<bool>>(false);
  collection.samples.reserve(size * restarts);
  for (size_t i = 0; i < restarts; ++i) {
    // However slow the source is: the operator sees how far it is, and can end the process.
    RawSamples samples(make, size, never, std::numeric_limits<uint64_t>::max());
    collection.error = samples.Read();
    if (!collection.error.empty()) return;
    const auto bytes = samples.bytes();
    collection.samples.insert(collection.samples.end(), bytes.begin(), bytes.end());
  }
}

}  // namespace

Napi::Value BuiltInSources(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const auto& make : kBuiltInSources) names[names.Length()] = make()->traits().name;
  return names;
}

Napi::Value DescribeSource(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SourceFactory make;
  if (!GetSource(info, make) || !make) return env.Undefined();
  const SourceTraits traits = make()->traits();
  const Cutoffs cutoffs = CutoffsFor(traits.tested_bits_per_byte);
  Napi::Object object = Napi::Object::New(env);
  object["name"] = traits.name;
  object["path"] = traits.path;
  object["physical"] = Napi::Boolean::New(env, traits.physical);
  object["words"] = Napi::Boolean::New(env, traits.sample == SampleKind::kWord64);
  const auto set = [&](const char* name, double value) {
    object[name] = Napi::Number::New(env, value);
  };
  set("testedBitsPerByte", traits.tested_bits_per_byte);
  set("creditedBitsPerByte", traits.credited_bits_per_byte);
  set("startupBytes", static_cast<double>(traits.startup_bytes));
  set("alphaLog2", kIntermittentAlphaLog2);
  set("permanentAlphaLog2", kPermanentAlphaLog2);
  set("repetitionCutoff", cutoffs.repetition);
  set("repetitionPermanentCutoff", cutoffs.repetition_permanent);
  set("proportionWindow", kAdaptiveWindow);
  set("proportionCutoff", cutoffs.proportion);
  set("proportionPermanentCutoff", cutoffs.proportion_permanent);
  return object;
}

Napi::Value ReadSource(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SourceFactory make;
  if (!GetSource(info, make)) return env.Undefined();
  int64_t size = 0;
  int64_t restarts = 0;
  if (info.Length() < 3 || napi_get_value_int64(env, info[1], &size) != napi_ok ||
      napi_get_value_int64(env, info[2], &restarts) != napi_ok || size < 1 || restarts < 1 ||
      size > kMaxSamples / restarts) {
    Napi::RangeError::New(env, "want at most 134,217,728 samples in all")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (!make) return env.Undefined();
  const auto promise = Napi::Promise::Deferred::New(env);
  auto collection = std::make_shared<Collection>();
  const bool started = RunDetached(
      env,
      [make, size, restarts, collection] {
        Collect(make, static_cast<size_t>(size), static_cast<size_t>(restarts), *collection);
      },
      [promise, collection](Napi::Env done_env) {
        if (!collection->error.empty())
          return promise.Reject(Napi::Error::New(done_env, collection->error).Value());
        const std::vector<uint8_t>& bytes = collection->samples;
        Napi::Uint8Array array = Napi::Uint8Array::New(done_env, bytes.size());
        // A worker that is being terminated gives no array.
        if (array.IsEmpty() || array.Data() == nullptr) return;
        std::ranges::copy(bytes, array.Data());
        promise.Resolve(array);
      });
  if (!started) promise.Reject(Napi::Error::New(env, kNoThread).Value());
  return promise.Promise();
}

}  // namespace entropyd
