// Checks arguments from JavaScript, and reports results and transitions to it.
#include "addon/generator_wrap.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "generator/generator.h"
#include "sources/noise_source.h"

namespace entropyd {
namespace {

Napi::Object ToObject(Napi::Env env, const SourceSnapshot& source) {
  const SourceReport& report = source.report;
  Napi::Object object = Napi::Object::New(env);
  object["name"] = source.traits.name;
  if (!source.traits.path.empty()) object["path"] = source.traits.path;
  object["state"] = Name(report.state);
  object["testedBitsPerByte"] = Napi::Number::New(env, kTestedBitsPerByte);
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

std::vector<std::unique_ptr<NoiseSource>> MakeSources(const Napi::Array& devices) {
  std::vector<std::unique_ptr<NoiseSource>> sources;
  sources.reserve(kBuiltInSources.size() + devices.Length());
  for (const auto make : kBuiltInSources) sources.push_back(make());
  for (uint32_t i = 0; i < devices.Length(); ++i) {
    const auto device = devices.Get(i).As<Napi::Object>();
    sources.push_back(MakeDevice(device.Get("name").ToString(), device.Get("path").ToString(),
                                 device.Get("creditedBitsPerByte").ToNumber().Uint32Value()));
  }
  return sources;
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
                        InstanceMethod<&GeneratorWrap::BeginFresh>("beginFresh"),
                        InstanceMethod<&GeneratorWrap::Reseed>("reseed"),
                        InstanceMethod<&GeneratorWrap::Poll>("poll"),
                        InstanceMethod<&GeneratorWrap::SelfTest>("selfTest"),
                        InstanceMethod<&GeneratorWrap::ReadNoise>("readNoise"),
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
    const auto options = info[0].As<Napi::Object>();
    const std::string profile = options.Get("profile").ToString();
    if ((profile != "default" && profile != "strict") || !options.Get("devices").IsArray()) {
      Napi::TypeError::New(env, "expected profile: default or strict, devices: an array")
          .ThrowAsJavaScriptException();
      return;
    }
    const GeneratorOptions policy{
        .profile = profile == "strict" ? Profile::kStrict : Profile::kDefault,
        .reseed_requests = options.Get("reseedRequests").ToNumber().Uint32Value(),
        .reseed_seconds = options.Get("reseedSeconds").ToNumber().Uint32Value()};
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
    generator_ = std::make_unique<Generator>(
        policy, MakeSources(options.Get("devices").As<Napi::Array>()), hooks);
    // Runs before the hook of on_source_change_, which the sources' threads use.
    napi_add_env_cleanup_hook(env, OnEnvironmentExit, this);
    ReportTransitions();
  }

  ~GeneratorWrap() override {
    napi_remove_env_cleanup_hook(Env(), OnEnvironmentExit, this);
    CloseNow();
  }

 private:
  static void OnEnvironmentExit(void* wrap) { static_cast<GeneratorWrap*>(wrap)->CloseNow(); }

  void CloseNow() {
    if (!generator_) return;
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
    for (const auto& [state, reason] : std::exchange(transitions_, {}))
      on_transition_.Call(
          {Napi::String::New(Env(), Name(state)), Napi::String::New(Env(), reason)});
  }

  static Napi::Value Number(Napi::Env env, Result result) {
    return Integer(env, static_cast<int32_t>(result));
  }

  Napi::Value Generate(const Napi::CallbackInfo& info) {
    std::span<uint8_t> out;
    if (!Open(info.Env()) || !GetRange(info, out)) return info.Env().Undefined();
    bool prediction_resistance = false;
    if (napi_get_value_bool(info.Env(), info[3], &prediction_resistance) != napi_ok) {
      Napi::TypeError::New(info.Env(), "predictionResistance: expected a boolean")
          .ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const Result result = generator_->Generate(out, prediction_resistance);
    ReportTransitions();
    return Number(info.Env(), result);
  }
  void BeginFresh(const Napi::CallbackInfo& info) {
    if (Open(info.Env())) generator_->BeginFresh();
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
  Napi::Value SelfTest(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    const bool passed = generator_->SelfTest();
    ReportTransitions();
    return Napi::Boolean::New(info.Env(), passed);
  }
  // (target, offset, length, source)
  Napi::Value ReadNoise(const Napi::CallbackInfo& info) {
    std::span<uint8_t> samples;
    if (!Open(info.Env()) || !GetRange(info, samples)) return info.Env().Undefined();
    const bool read = generator_->ReadNoise(info[3].ToString(), samples);
    ReportTransitions();
    return Napi::Boolean::New(info.Env(), read);
  }
  Napi::Value Snapshot(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!Open(env)) return env.Undefined();
    const GeneratorSnapshot snapshot = generator_->Snapshot();
    Napi::Object object = Napi::Object::New(env);
    object["state"] = Name(snapshot.state);
    object["reason"] = snapshot.reason;
    Napi::Array sources = Napi::Array::New(env);
    for (const SourceSnapshot& source : snapshot.sources)
      sources[sources.Length()] = ToObject(env, source);
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

  std::unique_ptr<Generator> generator_;
  Napi::FunctionReference on_transition_;
  std::vector<std::pair<State, std::string>> transitions_;  // not reported yet
  SourceChange on_source_change_;
};

}  // namespace

Napi::Function GeneratorClass(Napi::Env env) { return GeneratorWrap::Class(env); }

}  // namespace entropyd
