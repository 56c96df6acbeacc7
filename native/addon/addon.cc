// What JavaScript sees of the addon: its exports, and its functions apart from the generator.
// Arguments are checked in this folder; the other folders do not include napi.h.
// src/common/package.ts declares the exports.
#include <napi.h>

#include <memory>
#include <string>

#include "addon/arguments.h"
#include "addon/assess.h"
#include "addon/generator_wrap.h"
#include "addon/linux.h"
#include "addon/poller.h"
#include "addon/responses.h"
#include "addon/sampling.h"
#include "memory/secure_memory.h"

namespace {

// (size) -> a Uint8Array of zeros in pages that are locked, left out of core dumps, and wiped when
// the array is collected.
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

// (bytes, offset, length)
Napi::Value Wipe(const Napi::CallbackInfo& info) {
  std::span<uint8_t> range;
  if (entropyd::GetRange(info, range)) entropyd::Wipe(range);
  return info.Env().Undefined();
}

// (bytes, offset, length, fd) -> the number of bytes sent, or -1
Napi::Value Send(const Napi::CallbackInfo& info) {
  std::span<uint8_t> range;
  int32_t fd = -1;
  if (!entropyd::GetRange(info, range)) return info.Env().Undefined();
  if (napi_get_value_int32(info.Env(), info[3], &fd) != napi_ok) fd = -1;
  // Fits in 32 bits: the kernel sends less than 2 GiB at a time.
  return entropyd::Integer(info.Env(), static_cast<int32_t>(entropyd::Send(fd, range)));
}

// (fd) -> {pid, uid, gids}, or null
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
  std::string name;
  if (!entropyd::GetText(info.Env(), info[0], name, "expected a group's name"))
    return info.Env().Undefined();
  const auto id = entropyd::GetGroupId(name);
  return id ? Napi::Number::New(info.Env(), *id) : info.Env().Null();
}

// (fd) -> the path of a Unix socket, or null
Napi::Value SocketPath(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) return env.Null();
  const auto path = entropyd::GetSocketPath(info[0].As<Napi::Number>().Int32Value());
  return path ? Napi::String::New(env, *path) : env.Null();
}

// (address, message, wait) -> 0, or an errno
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  constexpr char kExpected[] = "expected (address, message), both strings";
  std::string address;
  std::string message;
  if (!entropyd::GetText(info.Env(), info[0], address, kExpected) ||
      !entropyd::GetText(info.Env(), info[1], message, kExpected))
    return info.Env().Undefined();
  const bool wait = info[2].ToBoolean();
  return Napi::Number::New(info.Env(), entropyd::SendDatagram(address, message, wait));
}

Napi::Value Harden(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), entropyd::Harden());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["Generator"] = entropyd::GeneratorClass(env);
  exports["Poller"] = entropyd::PollerClass(env);
  exports["allocate"] = Napi::Function::New<Allocate>(env);
  exports["wipe"] = Napi::Function::New<Wipe>(env);
  exports["send"] = Napi::Function::New<Send>(env);
  exports["peerCredentials"] = Napi::Function::New<PeerCredentials>(env);
  exports["groupId"] = Napi::Function::New<GroupId>(env);
  exports["socketPath"] = Napi::Function::New<SocketPath>(env);
  exports["sendDatagram"] = Napi::Function::New<SendDatagram>(env);
  exports["assess"] = Napi::Function::New<entropyd::AssessSamples>(env);
  exports["builtInSources"] = Napi::Function::New<entropyd::BuiltInSources>(env);
  exports["describeSource"] = Napi::Function::New<entropyd::DescribeSource>(env);
  exports["readSource"] = Napi::Function::New<entropyd::ReadSource>(env);
  exports["harden"] = Napi::Function::New<Harden>(env);
  return exports;
}

}  // namespace

NODE_API_MODULE(entropyd, Init)
