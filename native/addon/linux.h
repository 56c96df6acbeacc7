// What the daemon asks of Linux and Node does not offer: who is at the other end of a Unix socket,
// a word to the service manager, and a process that leaves no dump behind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace entropyd {

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  // supplementary
};

// SO_PEERCRED and SO_PEERGROUPS (unix(7), socket(7)): as they were when the peer connected. Empty
// where `fd` is no connected Unix socket.
std::optional<PeerCredentials> GetPeerCredentials(int fd);

// The id of a group by its name, through NSS (getgrnam_r(3)). Empty where there is none.
std::optional<gid_t> GetGroupId(const std::string& name);

// Sends what the socket takes without waiting, and wipes that: how much it was, 0 also where the
// socket has failed, which its owner will be told by its next write.
size_t SendAndWipe(int fd, std::span<uint8_t> bytes) noexcept;

// The path to which a Unix socket is bound (getsockname(2)). Empty where `fd` is no such socket or
// has no name, or an abstract one.
std::optional<std::string> GetSocketPath(int fd);

// Sends a datagram to a Unix socket, by its path or, with a leading '@', its abstract name: what
// sd_notify(3) does. Waits at most a second for a receiver whose queue is full. 0, or an errno.
int SendDatagram(std::string_view address, std::string_view message) noexcept;

// No core dumps (RLIMIT_CORE 0) and no ptrace by other processes of the user (PR_SET_DUMPABLE 0).
// For programs; a library must not call it. False if the kernel refused either.
bool Harden() noexcept;

}  // namespace entropyd
