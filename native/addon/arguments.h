// What the functions of the addon share: ranges of bytes, texts and numbers as arguments, a small
// integer as result. Nothing is converted: a conversion would run JavaScript of the argument's own.
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace entropyd {

// Reads (Uint8Array, offset, length) into `range`. If they do not fit, returns false with an
// exception pending. The array owns the memory and must not be detached while the range is in use.
inline bool GetRange(const Napi::CallbackInfo& info, std::span<uint8_t>& range) {
  // Hot path: plain Node-API, because each call costs about 10 ns.
  napi_env env = info.Env();
  napi_typedarray_type type{};
  size_t size = 0;
  void* data = nullptr;
  // 64 bits wide: 2^32 must not wrap to 0, which would succeed and fill nothing.
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

// Reads a typed array as elements of `T`, a rest that is no whole one left out. False if it is
// another kind of array, or none. As above, it must not be detached meanwhile.
template <typename T>
bool GetArray(napi_env env, napi_value value, napi_typedarray_type type, std::span<T>& elements) {
  napi_typedarray_type found{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &found, &length, &data, nullptr, nullptr) != napi_ok ||
      found != type)
    return false;
  const size_t width = type == napi_uint8_array ? 1 : sizeof(uint32_t);
  elements = {static_cast<T*>(data), length * width / sizeof(T)};
  return true;
}

// False, with an exception pending: this TypeError, unless there is one already.
inline bool RefuseType(napi_env env, const char* message) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
    napi_throw_type_error(env, nullptr, message);
  return false;
}

// Reads a string. If it is none, returns false with an exception pending.
inline bool GetText(napi_env env, napi_value value, std::string& text, const char* message) {
  size_t size = 0;
  // Null: the property of which it would be the value could not be read.
  if (value == nullptr || napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok)
    return RefuseType(env, message);
  text.resize(size + 1);  // for the terminating zero
  napi_get_value_string_utf8(env, value, text.data(), text.size(), &size);
  text.resize(size);
  return true;
}

// The same for a number.
inline bool GetNumber(napi_env env, napi_value value, double& number, const char* message) {
  if (value == nullptr || napi_get_value_double(env, value, &number) != napi_ok)
    return RefuseType(env, message);
  return true;
}

// An object's property; null if it cannot be read, perhaps with an exception pending.
inline napi_value Property(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  return napi_get_named_property(env, object, name, &value) == napi_ok ? value : nullptr;
}

// A small integer; Napi::Number would allocate a number on the heap.
inline Napi::Value Integer(napi_env env, int32_t value) {
  napi_value integer = nullptr;
  napi_create_int32(env, value, &integer);
  return {env, integer};
}

}  // namespace entropyd
