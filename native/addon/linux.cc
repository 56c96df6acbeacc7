// getsockopt(2), getgrnam_r(3), getsockname(2), sendto(2), setrlimit(2) and prctl(2).
#include "addon/linux.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

namespace entropyd {

std::optional<PeerCredentials> GetPeerCredentials(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  // Without a peer the user is -1. The pid says nothing: it is also 0 if the peer is in another PID
  // namespace, such as a client outside the daemon's container.
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      credentials.uid == static_cast<uid_t>(-1))
    return std::nullopt;
  PeerCredentials peer{credentials.pid, credentials.uid, credentials.gid, {}};
  // The first call fails with ERANGE and returns the size. The size is final, because a connected
  // peer's groups do not change.
  size = 0;
  getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size);
  peer.groups.resize(size / sizeof(gid_t));
  if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0)
    return std::nullopt;
  return peer;
}

std::optional<gid_t> GetGroupId(const std::string& name) {
  // Room for the names of a large group's members.
  std::vector<char> strings(65536);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, strings.data(), strings.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return found->gr_gid;
}

std::optional<std::string> GetSocketPath(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sun_family != AF_UNIX)
    return std::nullopt;
  // Without a name only the family is returned. The kernel counts the terminating zero of a path,
  // but a path of 108 bytes has none.
  constexpr size_t kFamily = offsetof(sockaddr_un, sun_path);
  const size_t room = std::min<size_t>(size, sizeof address) - kFamily;
  std::string path(static_cast<const char*>(address.sun_path), strnlen(address.sun_path, room));
  if (path.empty()) return std::nullopt;
  return path;
}

int SendDatagram(std::string_view address, std::string_view message, bool wait) noexcept {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address.empty() || address.size() >= sizeof to.sun_path) return EINVAL;
  std::copy(address.begin(), address.end(), to.sun_path);
  if (address.front() == '@') to.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  // The size matters: every byte of an abstract name counts, including zeros (unix(7)).
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  const ssize_t sent =
      sendto(fd, message.data(), message.size(), MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT),
             reinterpret_cast<const sockaddr*>(&to), size);
  const int error = sent < 0 ? errno : 0;
  close(fd);
  return error;
}

bool Harden() noexcept {
  const rlimit none{0, 0};
  const bool no_core = setrlimit(RLIMIT_CORE, &none) == 0;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && no_core;
}

}  // namespace entropyd
