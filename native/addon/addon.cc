// The N-API surface: arguments are checked here, and nothing behind it knows of JavaScript.
// src/native.ts declares what this exports. Longer than most files, because it alone may include
// napi.h.
#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/linux.h"
#include "generator/generator.h"
#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace {

using entropyd::Generator;

Napi::Object ToObject(Napi::Env env, const entropyd::SourceSnapshot& source) {
  const entropyd::SourceReport& report = source.report;
  Napi::Object object = Napi::Object::New(env);
  object["name"] = source.traits.name;
  if (!source.traits.path.empty()) object["path"] = source.traits.path;
  object["state"] = entropyd::Name(report.state);
  object["testedBitsPerByte"] = Napi::Number::New(env, entropyd::kTestedBitsPerByte);
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

// Bytes of [offset, offset + length) in a Uint8Array; an exception is pending where it does not
// fit. The memory is the array's: it must not be detached meanwhile.
bool GetRange(const Napi::CallbackInfo& info, std::span<uint8_t>& range) {
  // Plain Node-API: this is on the way of every request, and each call costs some 10 ns.
  napi_env env = info.Env();
  napi_typedarray_type type{};
  size_t size = 0;
  void* data = nullptr;
  // 64 bits wide: 2^32 must not become 0, which would succeed and fill nothing.
  int64_t offset = 0;
  int64_t length = 0;
  if (info.Length() >= 3 &&
      napi_get_typedarray_info(env, info[0], &type, &size, &data, nullptr, nullptr) == napi_ok &&
      type == napi_uint8_array && napi_get_value_int64(env, info[1], &offset) == napi_ok &&
      napi_get_value_int64(env, info[2], &length) == napi_ok && offset >= 0 && length >= 0 &&
      std::cmp_less_equal(offset, size) && std::cmp_less_equal(length, size - offset)) {
    range = {static_cast<uint8_t*>(data) + offset, static_cast<size_t>(length)};
    return true;
  }
  Napi::TypeError::New(info.Env(), "expected (Uint8Array, offset, length) within the array")
      .ThrowAsJavaScriptException();
  return false;
}

// A small integer, without the number on the heap that Napi::Number would make.
Napi::Value Integer(napi_env env, int32_t value) {
  napi_value integer = nullptr;
  napi_create_int32(env, value, &integer);
  return {env, integer};
}

std::vector<std::unique_ptr<entropyd::NoiseSource>> MakeSources(const Napi::Array& devices) {
  std::vector<std::unique_ptr<entropyd::NoiseSource>> sources;
  sources.reserve(entropyd::kBuiltInSources.size() + devices.Length());
  for (const auto make : entropyd::kBuiltInSources) sources.push_back(make());
  for (uint32_t i = 0; i < devices.Length(); ++i) {
    const auto device = devices.Get(i).As<Napi::Object>();
    sources.push_back(
        entropyd::MakeDevice(device.Get("name").ToString(), device.Get("path").ToString(),
                             device.Get("creditedBitsPerByte").ToNumber().Uint32Value()));
  }
  return sources;
}

// Posts onSourceChange() from a source's thread to the event loop. While the environment ends
// there is nobody to call, and that is no error.
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
    const entropyd::GeneratorOptions policy{
        .profile = profile == "strict" ? entropyd::Profile::kStrict : entropyd::Profile::kDefault,
        .reseed_requests = options.Get("reseedRequests").ToNumber().Uint32Value(),
        .reseed_seconds = options.Get("reseedSeconds").ToNumber().Uint32Value()};
    on_transition_ = Napi::Persistent(info[1].As<Napi::Function>());
    on_source_change_ = SourceChange::New(env, info[2].As<Napi::Function>(),
                                          "entropyd source change", 0, 1, nullptr);
    on_source_change_.Unref(env);
    const entropyd::GeneratorHooks hooks{
        .on_transition =
            [this](entropyd::State state, const std::string& reason) {
              transitions_.emplace_back(state, reason);
            },
        .on_source_change = [change = on_source_change_] { change.NonBlockingCall(); },
        .clock = entropyd::BootTimeNs};
    generator_ = std::make_unique<Generator>(
        policy, MakeSources(options.Get("devices").As<Napi::Array>()), hooks);
    // Runs before the hook of on_source_change_, which the source threads use.
    napi_add_env_cleanup_hook(env, OnEnvironmentExit, this);
    Tell();
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

  // Calls onTransition() after the native call, never within it: JavaScript may close the generator
  // or detach the array that is being filled.
  void Tell() {
    if (transitions_.empty()) return;
    for (const auto& [state, reason] : std::exchange(transitions_, {}))
      on_transition_.Call(
          {Napi::String::New(Env(), entropyd::Name(state)), Napi::String::New(Env(), reason)});
  }

  static Napi::Value Number(Napi::Env env, entropyd::Result result) {
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
    const entropyd::Result result = generator_->Generate(out, prediction_resistance);
    Tell();
    return Number(info.Env(), result);
  }
  void BeginFresh(const Napi::CallbackInfo& info) {
    if (Open(info.Env())) generator_->BeginFresh();
  }
  Napi::Value Reseed(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    const entropyd::Result result = generator_->Reseed();
    Tell();
    return Number(info.Env(), result);
  }
  void Poll(const Napi::CallbackInfo&) {
    if (!generator_) return;
    generator_->Poll();
    Tell();
  }
  Napi::Value SelfTest(const Napi::CallbackInfo& info) {
    if (!Open(info.Env())) return info.Env().Undefined();
    const bool passed = generator_->SelfTest();
    Tell();
    return Napi::Boolean::New(info.Env(), passed);
  }
  // (target, offset, length, source)
  Napi::Value ReadNoise(const Napi::CallbackInfo& info) {
    std::span<uint8_t> samples;
    if (!Open(info.Env()) || !GetRange(info, samples)) return info.Env().Undefined();
    const bool read = generator_->ReadNoise(info[3].ToString(), samples);
    Tell();
    return Napi::Boolean::New(info.Env(), read);
  }
  Napi::Value Snapshot(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!Open(env)) return env.Undefined();
    const entropyd::GeneratorSnapshot snapshot = generator_->Snapshot();
    Napi::Object object = Napi::Object::New(env);
    object["state"] = entropyd::Name(snapshot.state);
    object["reason"] = snapshot.reason;
    Napi::Array sources = Napi::Array::New(env);
    for (const entropyd::SourceSnapshot& source : snapshot.sources)
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
  std::vector<std::pair<entropyd::State, std::string>> transitions_;  // not told yet
  SourceChange on_source_change_;
};

// A Uint8Array of zeros over pages that are locked, undumpable and wiped when it is collected.
Napi::Value Allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  constexpr int64_t kMaxSize = int64_t{16} * 1024 * 1024;
  const int64_t size = info[0].IsNumber() ? info[0].As<Napi::Number>().Int64Value() : 0;
  if (size < 1 || size > kMaxSize) {
    Napi::RangeError::New(env, "size: 1 to 16,777,216 bytes").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* buffer = new entropyd::SecureBuffer(static_cast<size_t>(size));
  const auto memory = Napi::ArrayBuffer::New(
      env, buffer->data(), buffer->size(),
      [](Napi::BasicEnv, void*, entropyd::SecureBuffer* owner) { delete owner; }, buffer);
  return Napi::Uint8Array::New(env, buffer->size(), memory, 0);
}

Napi::Value Wipe(const Napi::CallbackInfo& info) {
  std::span<uint8_t> range;
  if (GetRange(info, range)) entropyd::Wipe(range);
  return info.Env().Undefined();
}

// (bytes, offset, length, fd)
Napi::Value SendAndWipe(const Napi::CallbackInfo& info) {
  std::span<uint8_t> range;
  int32_t fd = -1;
  if (!GetRange(info, range)) return info.Env().Undefined();
  if (napi_get_value_int32(info.Env(), info[3], &fd) != napi_ok) fd = -1;
  // What send(2) takes fits: it is part of one buffer of at most 16 MiB.
  return Integer(info.Env(), static_cast<int32_t>(entropyd::SendAndWipe(fd, range)));
}

Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int fd = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1;
  const auto peer = entropyd::GetPeerCredentials(fd);
  if (!peer) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object["pid"] = Napi::Number::New(env, peer->pid);
  object["uid"] = Napi::Number::New(env, peer->uid);
  Napi::Array groups = Napi::Array::New(env);
  groups[uint32_t{0}] = Napi::Number::New(env, peer->gid);
  for (const gid_t group : peer->groups) groups[groups.Length()] = Napi::Number::New(env, group);
  object["gids"] = groups;
  return object;
}

// (name) -> the group's id, or null
Napi::Value GroupId(const Napi::CallbackInfo& info) {
  const auto id = entropyd::GetGroupId(info[0].ToString());
  return id ? Napi::Number::New(info.Env(), *id) : info.Env().Null();
}

// (fd) -> the path of a Unix socket, or null
Napi::Value SocketPath(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) return env.Null();
  const auto path = entropyd::GetSocketPath(info[0].As<Napi::Number>().Int32Value());
  return path ? Napi::String::New(env, *path) : env.Null();
}

// (address, message) -> 0, or an errno
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  const std::string address = info[0].ToString();
  const std::string message = info[1].ToString();
  return Napi::Number::New(info.Env(), entropyd::SendDatagram(address, message));
}

Napi::Value Harden(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), entropyd::Harden());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["Generator"] = GeneratorWrap::Class(env);
  exports["allocate"] = Napi::Function::New<Allocate>(env);
  exports["wipe"] = Napi::Function::New<Wipe>(env);
  exports["sendAndWipe"] = Napi::Function::New<SendAndWipe>(env);
  exports["peerCredentials"] = Napi::Function::New<PeerCredentials>(env);
  exports["groupId"] = Napi::Function::New<GroupId>(env);
  exports["socketPath"] = Napi::Function::New<SocketPath>(env);
  exports["sendDatagram"] = Napi::Function::New<SendDatagram>(env);
  exports["harden"] = Napi::Function::New<Harden>(env);
  return exports;
}

}  // namespace

NODE_API_MODULE(entropyd, Init)
