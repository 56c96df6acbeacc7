// uv_poll for each socket and one uv_check, which runs after all of them. What was read lies in one
// buffer of JavaScript's until it has been called. A uv_prepare may spin before the loop waits.
// Long because the handles and the object that JavaScript sees share one protocol for their ends.
#include "addon/poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "memory/clock.h"

namespace entropyd {
namespace {

// Most that one read takes. JavaScript's buffer has room for at least one.
constexpr size_t kReadSize = 64UL * 1024;
// Longest that the thread may spin before it waits; the configuration has the same range.
constexpr uint32_t kMaxSpinUs = 1000;

// What happened to a socket; JavaScript reads these as three integers of an Int32Array.
struct Event {
  int32_t fd;  // negative: the socket was closed before JavaScript was called
  int32_t at;  // where its bytes are, or one of those below
  int32_t size;
};
constexpr int32_t kWritable = -1;
constexpr int32_t kEnd = -2;
constexpr int32_t kFailed = -3;

// The handles, which libuv closes in a later turn: they may outlive the JavaScript object. Deletes
// itself after End().
class Sockets {
 public:
  // `deliver` is called with a number of events; it returns how long to spin, nanoseconds.
  Sockets(uv_loop_t* loop, std::span<uint8_t> input, std::span<Event> events,
          std::function<uint64_t(size_t)> deliver)
      : loop_(loop), input_(input), events_(events), deliver_(std::move(deliver)) {
    uv_check_init(loop, &check_);
    check_.data = this;
    uv_check_start(&check_, [](uv_check_t* check) { static_cast<Sockets*>(check->data)->Flush(); });
    uv_prepare_init(loop, &prepare_);
    prepare_.data = this;
    uv_prepare_start(&prepare_,
                     [](uv_prepare_t* prepare) { static_cast<Sockets*>(prepare->data)->Spin(); });
    // The sockets keep the process alive, these do not.
    uv_unref(reinterpret_cast<uv_handle_t*>(&check_));
    uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
  }

  // Takes a duplicate of `fd`: libuv refuses a descriptor that one of its streams watches, even a
  // paused one. Returns it, or a negative errno.
  int Open(int fd) {
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return -errno;
    auto socket = std::make_unique<Socket>();
    socket->owner = this;
    socket->fd = own;
    if (const int error = uv_poll_init(loop_, &socket->handle, own); error != 0) {
      close(own);
      return error;
    }
    socket->handle.data = socket.get();
    const auto index = static_cast<size_t>(own);
    if (index >= sockets_.size()) sockets_.resize(index + 1);
    sockets_[index] = socket.release();
    ++handles_;
    return own;
  }

  // Waits for `events` of uv_poll_event from now on; 0: for nothing.
  void Poll(int fd, int events) {
    Socket* const socket = Find(fd);
    if (socket == nullptr) return;
    // Stopped, not started with 0: epoll would still report that the peer has gone, in every turn.
    if (events == 0 || uv_poll_start(&socket->handle, events, OnPoll) != 0)
      uv_poll_stop(&socket->handle);
  }

  void Close(int fd) {
    Socket* const socket = Find(fd);
    if (socket == nullptr) return;
    sockets_[static_cast<size_t>(fd)] = nullptr;
    // The number may be another's before JavaScript is called.
    for (Event& event : events_.first(count_))
      if (event.fd == fd) event.fd = -1;
    uv_close(reinterpret_cast<uv_handle_t*>(&socket->handle), [](uv_handle_t* handle) {
      const std::unique_ptr<Socket> closed(static_cast<Socket*>(handle->data));
      closed->owner->Closed();
    });
    // libuv has taken it out of its epoll set: uv_close() stops the handle first.
    close(fd);
  }

  // Closes everything and never calls JavaScript again. Calls `ended` when libuv has let go.
  void End(std::function<void()> ended) {
    ending_ = true;  // deliver_ stays: it may be what calls this
    ended_ = std::move(ended);
    for (size_t fd = 0; fd < sockets_.size(); ++fd) Close(static_cast<int>(fd));
    const uv_close_cb closed = [](uv_handle_t* handle) {
      static_cast<Sockets*>(handle->data)->Closed();
    };
    uv_close(reinterpret_cast<uv_handle_t*>(&check_), closed);
    uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), closed);
  }

 private:
  struct Socket {
    uv_poll_t handle;
    Sockets* owner;
    int fd;
  };

  Socket* Find(int fd) const {
    return fd >= 0 && static_cast<size_t>(fd) < sockets_.size() ? sockets_[static_cast<size_t>(fd)]
                                                                : nullptr;
  }

  void Closed() {
    if (--handles_ > 0) return;
    const auto ended = std::move(ended_);
    delete this;
    if (ended) ended();
  }

  // Runs in the poll phase of the event loop.
  static void OnPoll(uv_poll_t* handle, int status, int events) {
    auto* const socket = static_cast<Socket*>(handle->data);
    Sockets* const owner = socket->owner;
    if (!owner->MakeRoom(*socket)) return;
    // libuv has stopped the handle then.
    if (status < 0) return owner->Add({socket->fd, kFailed, status});
    if ((events & UV_WRITABLE) != 0) owner->Add({socket->fd, kWritable, 0});
    if ((events & UV_READABLE) != 0) owner->Read(*socket);
  }

  // Room for a read and two events. False if the socket was closed for it.
  bool MakeRoom(const Socket& socket) {
    if (events_.size() - count_ >= 2 && input_.size() - used_ >= kReadSize) return true;
    const int fd = socket.fd;
    Flush();  // JavaScript may close the socket; libuv frees it in a later turn
    return Find(fd) == &socket;
  }

  void Read(Socket& socket) {
    const ssize_t size = recv(socket.fd, input_.data() + used_, kReadSize, MSG_DONTWAIT);
    if (size > 0) {
      Add({socket.fd, static_cast<int32_t>(used_), static_cast<int32_t>(size)});
      used_ += static_cast<size_t>(size);
    } else if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      const int error = size == 0 ? 0 : -errno;
      uv_poll_stop(&socket.handle);
      Add({socket.fd, size == 0 ? kEnd : kFailed, error});
    }
  }

  void Add(const Event& event) { events_[count_++] = event; }

  void Flush() {
    const size_t count = std::exchange(count_, 0);
    used_ = 0;
    if (count > 0 && !ending_) spin_ns_ = deliver_(count);
  }

  // Waits actively for whatever the loop waits for, once after each delivery. Not longer than the
  // loop itself would wait: a timer is on time, and a loop with work does not wait at all.
  void Spin() {
    const uint64_t spin_ns = std::exchange(spin_ns_, 0);
    if (spin_ns == 0) return;
    const int timeout_ms = uv_backend_timeout(loop_);
    const uint64_t most = timeout_ms < 0 ? spin_ns : static_cast<uint64_t>(timeout_ms) * 1'000'000;
    const uint64_t end = NowNs() + std::min(spin_ns, most);
    pollfd loop{.fd = uv_backend_fd(loop_), .events = POLLIN, .revents = 0};
    while (NowNs() < end && poll(&loop, 1, 0) == 0) continue;
  }

  uv_loop_t* const loop_;
  const std::span<uint8_t> input_;
  const std::span<Event> events_;
  const std::function<uint64_t(size_t)> deliver_;
  std::function<void()> ended_;
  bool ending_ = false;
  uv_check_t check_{};
  uv_prepare_t prepare_{};
  uint64_t spin_ns_ = 0;          // of the next wait
  size_t handles_ = 2;            // that libuv has: these two, and one for each socket
  std::vector<Socket*> sockets_;  // by descriptor
  size_t count_ = 0;              // events that JavaScript has not seen
  size_t used_ = 0;               // bytes of input_ that it has not seen
};

class PollerWrap : public Napi::ObjectWrap<PollerWrap> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(
        env, "Poller",
        {InstanceMethod<&PollerWrap::Open>("open"), InstanceMethod<&PollerWrap::Poll>("poll"),
         InstanceMethod<&PollerWrap::CloseSocket>("close"),
         InstanceMethod<&PollerWrap::End>("end")});
  }

  // (input: Uint8Array, events: Int32Array, onEvents(count) -> microseconds to spin)
  explicit PollerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PollerWrap>(info) {
    napi_env env = info.Env();
    std::span<uint8_t> input;
    std::span<Event> events;
    uv_loop_t* loop = nullptr;
    if (info.Length() < 3 || !GetArrays(info, input, events) || !info[2].IsFunction() ||
        napi_get_uv_event_loop(env, &loop) != napi_ok) {
      Napi::TypeError::New(env,
                           "expected (Uint8Array of 64 KiB or more, Int32Array of 6 or more, "
                           "function)")
          .ThrowAsJavaScriptException();
      return;
    }
    // Keep the memory; nobody may detach it.
    input_ = Napi::Persistent(info[0].As<Napi::Object>());
    events_ = Napi::Persistent(info[1].As<Napi::Object>());
    on_events_ = Napi::Persistent(info[2].As<Napi::Function>());
    context_ = std::make_unique<Napi::AsyncContext>(env, "entropyd sockets");
    sockets_ = new Sockets(loop, input, events, [this](size_t count) { return Deliver(count); });
    napi_add_async_cleanup_hook(env, OnEnvironmentExit, this, &hook_);
  }

  ~PollerWrap() override { EndNow(); }

 private:
  static bool GetArrays(const Napi::CallbackInfo& info, std::span<uint8_t>& input,
                        std::span<Event>& events) {
    return GetArray(info.Env(), info[0], napi_uint8_array, input) && input.size() >= kReadSize &&
           input.size() <= INT32_MAX && GetArray(info.Env(), info[1], napi_int32_array, events) &&
           events.size() >= 2;
  }

  // The environment waits until the handles are closed.
  static void OnEnvironmentExit(napi_async_cleanup_hook_handle hook, void* wrap) {
    auto* const self = static_cast<PollerWrap*>(wrap);
    self->hook_ = nullptr;
    std::exchange(self->sockets_, nullptr)->End([hook] { napi_remove_async_cleanup_hook(hook); });
  }

  void EndNow() {
    if (hook_ != nullptr) napi_remove_async_cleanup_hook(std::exchange(hook_, nullptr));
    if (sockets_ != nullptr) std::exchange(sockets_, nullptr)->End({});
  }

  // Returns how long to spin, nanoseconds: at most kMaxSpinUs.
  uint64_t Deliver(size_t count) {
    napi_env env = Env();
    const Napi::HandleScope scope(env);
    napi_value global = nullptr;
    napi_value argument = nullptr;
    napi_get_global(env, &global);
    napi_create_int32(env, static_cast<int32_t>(count), &argument);
    // Not napi_call_function: promises would wait for the next turn.
    napi_value result = nullptr;
    const napi_status status =
        napi_make_callback(env, *context_, global, on_events_.Value(), 1, &argument, &result);
    uint32_t spin_us = 0;
    if (status == napi_ok && napi_get_value_uint32(env, result, &spin_us) == napi_ok)
      return std::min(spin_us, kMaxSpinUs) * uint64_t{1000};
    napi_value error = nullptr;
    if (status == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok)
      napi_fatal_exception(env, error);
    return 0;
  }

  static bool GetIntegers(const Napi::CallbackInfo& info, std::span<int32_t> values) {
    for (size_t i = 0; i < values.size(); ++i)
      if (napi_get_value_int32(info.Env(), info[i], &values[i]) != napi_ok) {
        Napi::TypeError::New(info.Env(), "expected descriptors and events: integers")
            .ThrowAsJavaScriptException();
        return false;
      }
    return true;
  }

  // (fd) -> a duplicate to use from now on, or a negative errno
  Napi::Value Open(const Napi::CallbackInfo& info) {
    std::array<int32_t, 1> fd{};
    if (!GetIntegers(info, fd)) return info.Env().Undefined();
    return Napi::Number::New(info.Env(), sockets_ == nullptr ? -EBADF : sockets_->Open(fd[0]));
  }
  // (fd, events)
  void Poll(const Napi::CallbackInfo& info) {
    std::array<int32_t, 2> values{};
    if (GetIntegers(info, values) && sockets_ != nullptr)
      sockets_->Poll(values[0], values[1] & (UV_READABLE | UV_WRITABLE));
  }
  // (fd)
  void CloseSocket(const Napi::CallbackInfo& info) {
    std::array<int32_t, 1> fd{};
    if (GetIntegers(info, fd) && sockets_ != nullptr) sockets_->Close(fd[0]);
  }
  // Lets go of everything; without it the object lives as long as the environment.
  void End(const Napi::CallbackInfo&) {
    EndNow();
    on_events_.Reset();
  }

  Napi::ObjectReference input_;
  Napi::ObjectReference events_;
  Napi::FunctionReference on_events_;
  std::unique_ptr<Napi::AsyncContext> context_;
  Sockets* sockets_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace

Napi::Function PollerClass(Napi::Env env) { return PollerWrap::Class(env); }

}  // namespace entropyd
