// Checks arguments from JavaScript, and reports results and transitions to it. Long because the
// class has one method for each function that JavaScript sees.
#include "addon/generator_wrap.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "addon/detached.h"
#include "addon/responses.h"
#include "generator/generator.h"
#include "health/raw_samples.h"
#include "memory/clock.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {
namespace {

Napi::Object ToObject(Napi::Env env, const SourceSnapshot& source, uint64_t now) {
  const SourceReport& report = source.report;
  Napi::Object object = Napi::Object::New(env);
  object["name"] = source.traits.name;
  if (!source.traits.path.empty()) object["path"] = source.traits.path;
  object["state"] = Name(report.state);
  const uint64_t in_state = now > report.since ? (now - report.since) / kNsPerSecond : 0;
  object["secondsInState"] = Napi::Number::New(env, static_cast<double>(in_state));
  object["physical"] = Napi::Boolean::New(env, source.traits.physical);
  object["testedBitsPerByte"] = Napi::Number::New(env, source.traits.tested_bits_per_byte);
  object["creditedBitsPerByte"] = Napi::Number::New(env, source.credited_bits_per_byte);
  object["bytes"] = Napi::Number::New(env, static_cast<double>(report.bytes));
  object["reads"] = Napi::Number::New(env, static_cast<double>(report.reads));
  object["retries"] = Napi::Number::New(env, static_cast<double>(report.retries));
  object["alarms"] = Napi::Number::New(env, static_cast<double>(report.alarms));
  const double seconds = static_cast<double>(report.read_ns) / 1e9;
  object["bytesPerSecond"] =
      Napi::Number::New(env, seconds > 0 ? static_cast<double>(report.timed_bytes) / seconds : 0);
  object["lastAlarm"] = report.last_alarm;
  object["lastError"] = report.last_error;
  return object;
}

// Bits per byte that a device is tested for or credited with, at least. A seed takes 448 bits, and
// so at most half a mebibyte of a device.
constexpr double kMinBitsPerByte = 0.001;

// Reads one device of the options. If it is not one, returns false with an exception pending.
bool GetDevice(Napi::Env env, napi_value value, DeviceConfig& config) {
  constexpr char kExpected[] =
      "expected devices: {name, path, testedBitsPerByte, creditedBitsPerByte}";
  if (!GetText(env, Property(env, value, "name"), config.name, kExpected) ||
      !GetText(env, Property(env, value, "path"), config.path, kExpected) ||
      !GetNumber(env, Property(env, value, "testedBitsPerByte"), config.tested_bits_per_byte,
                 kExpected) ||
      !GetNumber(env, Property(env, value, "creditedBitsPerByte"), config.credited_bits_per_byte,
                 kExpected))
    return false;
  const double tested = config.tested_bits_per_byte;
  const double credited = config.credited_bits_per_byte;
  // Written so that NaN is out of range.
  const bool in_range = tested >= kMinBitsPerByte && tested <= 8 &&
                        (credited == 0 || (credited >= kMinBitsPerByte && credited <= tested));
  const std::string about = config.name + " (" + config.path + "): ";
  if (!in_range) {
    Napi::RangeError::New(env,
                          about + "bits per byte: tested 0.001 to 8, credited 0 or 0.001 to tested")
        .ThrowAsJavaScriptException();
    return false;
  }
  const std::string refusal = credited > 0 ? CreditRefusal(config.path) : "";
  if (refusal.empty()) return true;
  Napi::Error::New(env, about + refusal).ThrowAsJavaScriptException();
  return false;
}

// The built-in sources and the devices of the options. If they cannot be had, returns false with an
// exception pending.
bool GetSources(Napi::Env env, napi_value devices, std::vector<SourceFactory>& sources) {
  sources.assign(kBuiltInSources.begin(), kBuiltInSources.end());
  uint32_t count = 0;
  if (devices == nullptr || napi_get_array_length(env, devices, &count) != napi_ok)
    return RefuseType(env, "expected devices: an array");
  for (uint32_t i = 0; i < count; ++i) {
    napi_value device = nullptr;
    DeviceConfig config;
    if (napi_get_element(env, devices, i, &device) != napi_ok)
      return RefuseType(env, "expected devices: an array");
    if (!GetDevice(env, device, config)) return false;
    sources.emplace_back([config] { return MakeDevice(config); });
  }
  return true;
}

// Reads the policy of the options; as above.
bool GetPolicy(Napi::Env env, napi_value options, GeneratorOptions& policy) {
  constexpr char kExpected[] =
      "expected profile: default or strict, reseedRequests and reseedSeconds: 1 to 4294967295";
  std::string profile;
  double requests = 0;
  double seconds = 0;
  if (!GetText(env, Property(env, options, "profile"), profile, kExpected) ||
      !GetNumber(env, Property(env, options, "reseedRequests"), requests, kExpected) ||
      !GetNumber(env, Property(env, options, "reseedSeconds"), seconds, kExpected))
    return false;
  constexpr double kMax = 0xffffffff;
  const auto in_range = [](double value) { return value >= 1 && value <= kMax; };
  if ((profile != "default" && profile != "strict") || !in_range(requests) || !in_range(seconds))
    return RefuseType(env, kExpected);
  policy = {.profile = profile == "strict" ? Profile::kStrict : Profile::kDefault,
            .reseed_requests = static_cast<uint64_t>(requests),
            .reseed_seconds = static_cast<uint64_t>(seconds)};
  return true;
}

std::string LockingAdvice() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return "profile strict needs " + std::to_string(SecureBuffer::TotalSize()) +
         " bytes of locked memory and RLIMIT_MEMLOCK is " + std::to_string(limit.rlim_cur) +
         ": raise it (LimitMEMLOCK= in the unit)";
}

// Posts onSourceChange() from a source's thread to the event loop. While the environment ends there
// is nothing to call, which is not an error.
void CallSourceChange(Napi::Env env, Napi::Function callback, std::nullptr_t*, void*) {
  if (static_cast<napi_env>(env) != nullptr)
    napi_call_function(env, env.Undefined(), callback, 0, nullptr, nullptr);
}
using SourceChange = Napi::TypedThreadSafeFunction<std::nullptr_t, void, CallSourceChange>;

class GeneratorWrap : public Napi::ObjectWrap<GeneratorWrap> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Generator",
                       {InstanceMethod<&GeneratorWrap::Generate>("generate"),
                        InstanceMethod<&GeneratorWrap::Respond>("respond"),
                        InstanceMethod<&GeneratorWrap::Mix>("mix"),
                        InstanceMethod<&GeneratorWrap::Arrive>("arrive"),
                        InstanceMethod<&GeneratorWrap::GenerateResistant>("generateResistant"),
                        InstanceMethod<&GeneratorWrap::Reseed>("reseed"),
                        InstanceMethod<&GeneratorWrap::Poll>("poll"),
                        InstanceMethod<&GeneratorWrap::SelfTest>("selfTest"),
                        InstanceMethod<&GeneratorWrap::ReadNoise>("readNoise"),
                        InstanceMethod<&GeneratorWrap::Reason>("reason"),
                        InstanceMethod<&GeneratorWrap::Snapshot>("snapshot"),
                        InstanceMethod<&GeneratorWrap::Close>("close")});
  }

  // (options, onTransition(state, reason), onSourceChange())
  explicit GeneratorWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GeneratorWrap>(info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 3 || !info[0].IsObject() || !info[1].IsFunction() ||
        !info[2].IsFunction()) {
      Napi::TypeError::New(env, "expected (options, onTransition, onSourceChange)")
          .ThrowAsJavaScriptException();
      return;
    }
    GeneratorOptions policy;
    std::vector<SourceFactory> sources;
    if (!GetPolicy(env, info[0], policy) ||
        !GetSources(env, Property(env, info[0], "devices"), sources))
      return;
    on_transition_ = Napi::Persistent(info[1].As<Napi::Function>());
    on_source_change_ = SourceChange::New(env, info[2].As<Napi::Function>(),
                                          "entropyd source change", 0, 1, nullptr);
    on_source_change_.Unref(env);
    const GeneratorHooks hooks{
        .on_transition =
            [this](State state, const std::string& reason) {
              transitions_.emplace_back(state, reason);
            },
        .on_source_change = [change = on_source_change_] { change.NonBlockingCall(); },
        .clock = BootTimeNs};
    generator_ = std::make_unique<Generator>(policy, std::move(sources), hooks);
    if (policy.profile == Profile::kStrict && !generator_->memory_locked()) {
      const std::string advice = LockingAdvice();
      CloseNow();
      Napi::Error::New(env, advice).ThrowAsJavaScriptException();
      return;
    }
    // Runs before the hook of on_source_change_, which the sources' threads use.
    napi_add_env_cleanup_hook(env, OnEnvironmentExit, this);
    ReportTransitions();
  }

  ~GeneratorWrap() override {
    *alive_ = nullptr;
    napi_remove_env_cleanup_hook(Env(), OnEnvironmentExit, this);
    CloseNow();
  }

 private:
  static void OnEnvironmentExit(void* wrap) { static_cast<GeneratorWrap*>(wrap)->CloseNow(); }

  void CloseNow() {
    *cancelled_ = true;
    if (!generator_) return;
    generator_->self_tester()->Cancel();
    generator_.reset();
    on_source_change_.Release();
  }

  bool Open(Napi::Env env) const {
    if (!generator_) Napi::Error::New(env, "the generator is closed").ThrowAsJavaScriptException();
    return generator_ != nullptr;
  }

  // Calls onTransition() after the native call, never during it: JavaScript may close the generator
  // or detach the array that is being filled.
  void ReportTransitions() {
    if (transitions_.empty()) return;
    for (const auto& [state, reason] : std::exchange(transitions_, {})) {
      on_transition_.Call(
          {Napi::String::New(Env(), Name(state)), Napi::String::New(Env(), reason)});
      if (Env().IsExceptionPending()) return;  // its own: nothing can be called meanwhile
    }
  }

  static Napi::Value Number(Napi::Env env, Result result) {
    return Integer(env, static_cast<int32_t>(result));
  }

  Napi::Value Generate(const Napi::CallbackInfo& info) {
    std::span<uint8_t> out;
    if (!Open(info.Env()) || !GetRange(info, out)) return info.Env().Undefined();
    const Result result = generator_->Generate(out);
    ReportTransitions();
    return Number(info.Env(), result);
  }
  // (target: Uint8Array, requests: Uint32Array, their number, recipients: Int32Array, their number)
  Napi::Value Respond(const Napi::CallbackInfo& info) {
    napi_env env = info.Env();
    std::span<uint8_t> target;
    std::span<Request> requests;
    std::span<Recipient> recipients;
    uint32_t request_count = 0;
    uint32_t recipient_count = 0;
    size_t total = 0;
    if (!Open(info.Env())) return info.Env().Undefined();
    if (info.Length() < 5 || !GetArray(env, info[0], napi_uint8_array, target) ||
        !GetArray(env, info[1], napi_uint32_array, requests) ||
        !GetArray(env, info[3], napi_int32_array, recipients) ||
        napi_get_value_uint32(env, info[2], &request_count) != napi_ok ||
        napi_get_value_uint32(env, info[4], &recipient_count) != napi_ok ||
        request_count > requests.size() || recipient_count > recipients.size() ||
        !LayOut(requests.first(request_count), recipients.first(recipient_count), total) ||
        total > target.size()) {
      Napi::TypeError::New(env,
                           "expected (Uint8Array, Uint32Array of (id, size), their number, "
                           "Int32Array of (fd, size, requests, sent), their number), all of which "
                           "fit together")
          .ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const std::span<uint8_t> out = target.first(total);
    const Result result = generator_->Generate(out);
    if (result == Result::kOk)
      entropyd::Respond(out, requests.first(request_count), recipients.first(recipient_count));
    ReportTransitions();
    return Number(info.Env(), result);
  }
  // (source, offset, length)
  void Mix(const Napi::CallbackInfo& info) {
    std::span<uint8_t> source;
    if (!Open(info.Env()) || !GetRange(info, source)) return;
    if (source.size() <= kMaxMix) return generator_->Mix(source);
    Napi::RangeError::New(info.Env(), "length: at most 255 bytes").ThrowAsJavaScriptException();
  }
  Napi::Value Arrive(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    return Napi::Number::New(info.Env(), static_cast<double>(generator_->Arrive()));
  }
  // (target, offset, length, request)
  Napi::Value GenerateResistant(const Napi::CallbackInfo& info) {
    std::span<uint8_t> out;
    if (!Open(info.Env()) || !GetRange(info, out)) return info.Env().Undefined();
    int64_t request = 0;
    if (out.size() > kMaxGenerate ||
        napi_get_value_int64(info.Env(), info[3], &request) != napi_ok || request <= 0) {
      Napi::TypeError::New(info.Env(), "expected at most 65,536 bytes, and the request's number")
          .ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const Result result = generator_->GenerateResistant(out, static_cast<uint64_t>(request));
    ReportTransitions();
    return Number(info.Env(), result);
  }
  Napi::Value Reseed(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    const Result result = generator_->Reseed();
    ReportTransitions();
    return Number(info.Env(), result);
  }
  void Poll(const Napi::CallbackInfo&) {
    if (!generator_) return;
    generator_->Poll();
    ReportTransitions();
  }
  // -> a promise of whether everything passed
  Napi::Value SelfTest(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    const auto promise = Napi::Promise::Deferred::New(info.Env());
    auto results = std::make_shared<std::vector<SelfTestResult>>();
    const bool started = RunDetached(
        info.Env(), [tester = generator_->self_tester(), results] { *results = tester->Run(); },
        [alive = alive_, promise, results](Napi::Env env) {
          GeneratorWrap* const wrap = *alive;
          if (wrap == nullptr || !wrap->generator_)
            return promise.Reject(Napi::Error::New(env, "the generator is closed").Value());
          const bool passed = wrap->generator_->FinishSelfTest(*results);
          // Whoever awaits it runs after this function, whatever onTransition() throws.
          promise.Resolve(Napi::Boolean::New(env, passed));
          wrap->ReportTransitions();
        });
    if (!started) promise.Reject(Napi::Error::New(info.Env(), kNoThread).Value());
    return promise.Promise();
  }
  // (source, size) -> a promise of raw samples, or undefined if there is no such source
  Napi::Value ReadNoise(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!Open(env)) return env.Undefined();
    std::string name;
    if (!GetText(env, info[0], name, "expected (source, size)")) return env.Undefined();
    const int64_t size = info[1].IsNumber() ? info[1].As<Napi::Number>().Int64Value() : 0;
    if (size < 1 || size > kMaxNoise) {
      Napi::RangeError::New(env, "size: 1 to 1,048,576 bytes").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    for (const SourceFactory& make : generator_->self_tester()->factories())
      if (make()->traits().name == name)
        return StartNoise(env, std::make_shared<RawSamples>(make, size, cancelled_));
    return env.Undefined();
  }
  static Napi::Value StartNoise(Napi::Env env, const std::shared_ptr<RawSamples>& samples) {
    const auto promise = Napi::Promise::Deferred::New(env);
    auto error = std::make_shared<std::string>();
    const bool started = RunDetached(
        env, [samples, error] { *error = samples->Read(); },
        [promise, samples, error](Napi::Env done_env) {
          if (!error->empty()) return promise.Reject(Napi::Error::New(done_env, *error).Value());
          const std::span<const uint8_t> bytes = samples->bytes();
          Napi::Uint8Array array = Napi::Uint8Array::New(done_env, bytes.size());
          // A worker that is being terminated gives no array.
          if (array.IsEmpty() || array.Data() == nullptr) return;
          std::ranges::copy(bytes, array.Data());
          promise.Resolve(array);
        });
    if (!started) promise.Reject(Napi::Error::New(env, kNoThread).Value());
    return promise.Promise();
  }
  Napi::Value Reason(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    return Napi::String::New(info.Env(), generator_->reason());
  }
  Napi::Value Snapshot(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!Open(env)) return env.Undefined();
    const GeneratorSnapshot snapshot = generator_->Snapshot();
    Napi::Object object = Napi::Object::New(env);
    object["state"] = Name(snapshot.state);
    object["reason"] = snapshot.reason;
    object["construction"] = snapshot.construction ? Name(*snapshot.construction) : "";
    Napi::Array sources = Napi::Array::New(env);
    const uint64_t now = BootTimeNs();
    for (const SourceSnapshot& source : snapshot.sources)
      sources[sources.Length()] = ToObject(env, source, now);
    object["sources"] = sources;
    object["reseeds"] = Napi::Number::New(env, static_cast<double>(snapshot.reseeds));
    object["requestsSinceReseed"] =
        Napi::Number::New(env, static_cast<double>(snapshot.requests_since_reseed));
    object["secondsSinceReseed"] =
        Napi::Number::New(env, static_cast<double>(snapshot.seconds_since_reseed));
    object["memoryLocked"] = Napi::Boolean::New(env, snapshot.memory_locked);
    return object;
  }
  void Close(const Napi::CallbackInfo&) { CloseNow(); }

  static constexpr int64_t kMaxNoise = 1 << 20;

  std::unique_ptr<Generator> generator_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  // For what runs in other threads and ends in this one.
  const std::shared_ptr<GeneratorWrap*> alive_ = std::make_shared<GeneratorWrap*>(this);
  Napi::FunctionReference on_transition_;
  std::vector<std::pair<State, std::string>> transitions_;  // not reported yet
  SourceChange on_source_change_;
};

}  // namespace

Napi::Function GeneratorClass(Napi::Env env) { return GeneratorWrap::Class(env); }

}  // namespace entropyd
