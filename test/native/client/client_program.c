// A program that uses libentropyd as a test tells it to: reads commands from standard input, one a
// line, and answers each with a line. Its own getrandom(2) and clock_gettime(2) take the place of
// libc's in the library. Longer than most files because it has all scenarios that need memory,
// threads or processes of C.
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "entropyd.h"

static const size_t guard = 64;
enum { MAX_THREADS = 32, DRAW_SIZE = 32, MAX_DRAWS = 65536 };
static const unsigned char untouched = 0xa5;

// -1: the kernel's bytes; otherwise this byte, in pieces, after a signal.
static atomic_int own_byte = -1;
static atomic_int own_error;

ssize_t getrandom(void* buffer, size_t length, unsigned flags) {
  static atomic_uint calls;
  if (own_error != 0) {
    errno = own_error;
    return -1;
  }
  if (own_byte < 0) return syscall(SYS_getrandom, buffer, length, flags);
  if (atomic_fetch_add(&calls, 1) % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  const size_t part = length < 256 ? length : 256;
  memset(buffer, own_byte, part);
  return (ssize_t)part;
}

// The monotonic clock stands still, so that nothing is late on a busy host, but advances at each
// look by so many nanoseconds.
static atomic_llong hurry_ns;

int clock_gettime(clockid_t clock_id, struct timespec* tp) {
  static atomic_llong now_ns = 1000000000;
  if (clock_id != CLOCK_MONOTONIC) return (int)syscall(SYS_clock_gettime, clock_id, tp);
  const long long ns = atomic_fetch_add(&now_ns, hurry_ns);
  tp->tv_sec = ns / 1000000000;
  tp->tv_nsec = ns % 1000000000;
  return 0;
}

static void print_hex(const unsigned char* bytes, size_t size) {
  for (size_t i = 0; i < size; i++) printf("%02x", bytes[i]);
}

static bool all_are(const unsigned char* bytes, size_t size, unsigned char value) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != value) return false;
  return true;
}

static const char* outcome(int status) { return status < 0 ? strerrorname_np(errno) : "ok"; }

// get SIZE FLAGS: the outcome, what became of the memory, and up to 64 bytes.
static void get(size_t size, unsigned flags) {
  unsigned char* memory = malloc(size + 2 * guard);
  if (memory == NULL) abort();
  unsigned char* target = memory + guard;
  memset(memory, untouched, size + 2 * guard);
  errno = EDOM;
  const int status = entropyd_get(target, size, flags);
  printf("%s", outcome(status));
  if (status == 0 && errno != EDOM) printf(" errno-changed");
  if (!all_are(memory, guard, untouched) || !all_are(target + size, guard, untouched))
    printf(" overrun");
  if (status != 0) printf(all_are(target, size, 0) ? " wiped" : " dirty");
  // In so many bytes, more zeros in a row than these are no chance: 2^-160.
  if (status == 0 && size >= 64)
    for (size_t i = 0; i + 20 <= size; i += 20)
      if (own_byte < 0 && all_are(target + i, 20, 0)) printf(" hole at %zu", i);
  if (status == 0 && own_byte >= 0 && size > 64)
    printf(all_are(target, size, target[0]) ? " even" : " uneven");
  printf(" ");
  if (status == 0) print_hex(target, size < 64 ? size : 64);
  free(memory);
}

// health SIZE: the outcome and state, and the reason.
static void health(size_t size) {
  char* memory = malloc(size + 2 * guard);
  if (memory == NULL) abort();
  memset(memory, untouched, size + 2 * guard);
  char* reason = memory + guard;
  const int status = entropyd_health(size == 0 ? NULL : reason, size);
  printf("%s %d", outcome(status), status);
  if (!all_are((unsigned char*)memory, guard, untouched) ||
      !all_are((unsigned char*)reason + size, guard, untouched))
    printf(" overrun");
  if (size > 0) printf(" %zu %s", strnlen(reason, size), reason);
  free(memory);
}

// The arguments that no buffer fits.
static void arguments(void) {
  unsigned char byte = untouched;
  int failures = 0;
  failures += entropyd_get(NULL, 1, 0) == -1 && errno == EINVAL;
  failures += entropyd_get(&byte, (size_t)PTRDIFF_MAX + 1, 0) == -1 && errno == EINVAL;
  failures += entropyd_get(&byte, SIZE_MAX, 0) == -1 && errno == EINVAL;
  failures += entropyd_get(&byte, 1, 2) == -1 && errno == EINVAL && byte == 0;
  failures += entropyd_get(NULL, 0, 2) == -1 && errno == EINVAL;
  char reason = 'r';
  failures += entropyd_health(&reason, 0) == -1 && errno == EINVAL && reason == 'r';
  printf("%d of 6, %s", failures, outcome(entropyd_get(NULL, 0, 0)));
}

// Descriptors of sockets, which are the library's alone here.
static int count_sockets(void) {
  int sockets = 0;
  for (int fd = 3; fd < 256; fd++) {
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode)) sockets++;
  }
  return sockets;
}

// What all threads and children of a scenario drew.
struct draws {
  atomic_uint count;
  atomic_uint failed;
  unsigned char bytes[MAX_DRAWS][DRAW_SIZE];
};

static struct draws draws;

static bool draw(unsigned char target[DRAW_SIZE]) {
  return entropyd_get(target, DRAW_SIZE, 0) == 0;
}

static void keep(const unsigned char bytes[DRAW_SIZE]) {
  const unsigned at = atomic_fetch_add(&draws.count, 1);
  if (at < MAX_DRAWS) memcpy(draws.bytes[at], bytes, DRAW_SIZE);
}

static int compare(const void* one, const void* other) { return memcmp(one, other, DRAW_SIZE); }

static void print_draws(void) {
  unsigned equal = 0;
  if (draws.count > MAX_DRAWS) draws.count = MAX_DRAWS;
  qsort(draws.bytes, draws.count, DRAW_SIZE, compare);
  for (unsigned i = 1; i < draws.count; i++)
    if (compare(draws.bytes[i - 1], draws.bytes[i]) == 0) equal++;
  printf("%u drawn, %u equal, %u failed", draws.count, equal, draws.failed);
  draws.count = draws.failed = 0;
}

static void* draw_often(void* times) {
  for (unsigned i = 0; i < *(unsigned*)times; i++) {
    unsigned char bytes[DRAW_SIZE];
    memset(bytes, untouched, sizeof bytes);
    if (draw(bytes))
      keep(bytes);
    else if (all_are(bytes, sizeof bytes, 0))
      draws.failed++;
    else
      abort();
  }
  return NULL;
}

static void start_threads(pthread_t* threads, unsigned count, void* (*run)(void*), void* argument) {
  for (unsigned i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, run, argument) != 0) abort();
}

static void join_threads(const pthread_t* threads, unsigned count) {
  for (unsigned i = 0; i < count; i++) (void)pthread_join(threads[i], NULL);
}

// threads COUNT TIMES
static void threads(unsigned count, unsigned times) {
  pthread_t all[MAX_THREADS];
  start_threads(all, count, draw_often, &times);
  join_threads(all, count);
  print_draws();
  printf(", %d kept", count_sockets());
}

static atomic_bool is_over;

static void* draw_until_over(void* unused) {
  while (!is_over) draw_often(&(unsigned){1});
  return unused;
}

// What a child does: tells how many sockets of its parent it still has, draws, and ends.
static void be_child(int output) {
  unsigned char bytes[1 + DRAW_SIZE];
  bytes[0] = (unsigned char)count_sockets();
  const bool drew = draw(bytes + 1);
  _exit(drew && write(output, bytes, sizeof bytes) == (ssize_t)sizeof bytes ? 0 : 1);
}

static pid_t fork_plainly(void) { return fork(); }

// No handler of pthread_atfork(3) runs.
static pid_t fork_unseen(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

// fork, unseen: CHILDREN THREADS. Children while as many threads draw, and what each still has.
static void children(pid_t (*make)(void), unsigned count, unsigned thread_count) {
  pthread_t all[MAX_THREADS];
  unsigned inherited = 0;
  draw_often(&(unsigned){1});
  is_over = false;
  start_threads(all, thread_count, draw_until_over, NULL);
  for (unsigned i = 0; i < count; i++) {
    int ends[2];
    unsigned char bytes[1 + DRAW_SIZE];
    if (pipe(ends) != 0) abort();
    const pid_t child = make();
    if (child == 0) be_child(ends[1]);
    (void)close(ends[1]);
    if (read(ends[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
      inherited += bytes[0];
      keep(bytes + 1);
    } else {
      draws.failed++;
    }
    (void)close(ends[0]);
    (void)waitpid(child, NULL, 0);
    draw_often(&(unsigned){1});
  }
  is_over = true;
  join_threads(all, thread_count);
  print_draws();
  printf(", %u inherited", inherited);
}

// foreign: the numbers of the library's descriptors become something else's, which it must leave
// alone.
static void foreign(void) {
  int ends[2];
  draw_often(&(unsigned){1});
  for (int fd = 3; fd < 256; fd++) {
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) continue;
    (void)close(fd);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || (ends[0] != fd && ends[1] != fd)) abort();
    break;
  }
  draw_often(&(unsigned){1});
  char byte;
  const bool is_silent = recv(ends[0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
                         recv(ends[1], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  print_draws();
  printf(is_silent ? ", untouched" : ", touched");
  (void)close(ends[0]);
  (void)close(ends[1]);
}

static void* get_canceled(void* unused) {
  static unsigned char target[DRAW_SIZE];
  memset(target, untouched, sizeof target);
  (void)pthread_cancel(pthread_self());
  const int status = entropyd_get(target, sizeof target, 0);
  printf(status == 0 && !all_are(target, sizeof target, untouched) ? "whole" : "broken");
  pthread_testcancel();
  printf(" not canceled");
  return unused;
}

// cancel: a thread that is to be canceled finishes its call first.
static void cancel(void) {
  pthread_t thread;
  void* result = NULL;
  start_threads(&thread, 1, get_canceled, NULL);
  (void)pthread_join(thread, &result);
  printf(result == PTHREAD_CANCELED ? ", then canceled" : ", not canceled");
}

static atomic_uint signals;
static void count_signal(int number) {
  (void)number;
  signals++;
}

// signals SIZE: a call during which signals arrive without end, their handler without SA_RESTART.
static void interrupted(size_t size) {
  const struct sigaction action = {.sa_handler = count_signal};
  struct sigaction before;
  timer_t timer;
  const struct itimerspec often = {{0, 200000}, {0, 200000}};
  if (sigaction(SIGALRM, &action, &before) != 0) abort();
  if (timer_create(CLOCK_REALTIME, NULL, &timer) != 0) abort();
  if (timer_settime(timer, 0, &often, NULL) != 0) abort();
  while (signals == 0) (void)poll(NULL, 0, -1);
  get(size, 0);
  (void)timer_delete(timer);
  (void)sigaction(SIGALRM, &before, NULL);
}

// unload PATH: loads the library again, uses and unloads it, and forks.
static void unload(const char* path) {
  const int before = count_sockets();
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  int (*loaded)(void*, size_t, unsigned) = NULL;
  if (library != NULL) *(void**)&loaded = dlsym(library, "entropyd_get");
  if (loaded == NULL) abort();
  unsigned char bytes[DRAW_SIZE];
  const int got = loaded(bytes, sizeof bytes, 0);
  printf("%s, %d more", outcome(got), count_sockets() - before);
  (void)dlclose(library);
  printf(", %d more", count_sockets() - before);
  (void)fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = 0;
  (void)waitpid(child, &status, 0);
  printf(", child %d", status);
}

// backlog PATH: a daemon that hangs, for which as many clients wait as may.
static void backlog(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) abort();
  memcpy(address.sun_path, path, strlen(path));
  const struct sockaddr* to = (const struct sockaddr*)&address;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, to, sizeof address) != 0 || listen(listener, 0) != 0) abort();
  while (connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), to, sizeof address) == 0)
    continue;
  printf("%s ", outcome(-1));
  get(DRAW_SIZE, 0);
}

static int unguarded;

static void* race(void* unused) {
  unguarded++;
  return unused;
}

// control FAULT: what a sanitizer must detect.
// NOLINTBEGIN(clang-analyzer-unix.Malloc)
static void control(const char* fault) {
  if (strcmp(fault, "race") == 0) {
    pthread_t both[2];
    start_threads(both, 2, race, NULL);
    join_threads(both, 2);
  } else if (strcmp(fault, "overflow") == 0) {
    static volatile size_t behind = DRAW_SIZE;
    static unsigned char* bytes;
    bytes = calloc(DRAW_SIZE, 1);
    if (bytes != NULL) printf("%p", memchr(bytes, 1, behind + 1));
  } else if (strcmp(fault, "leak") == 0) {
    printf("%p", malloc(1));
  }
}
// NOLINTEND(clang-analyzer-unix.Malloc)

static void obey(char* line) {
  char* rest = line + strcspn(line, " ");
  if (*rest == ' ') *rest++ = '\0';
  const char* word = line;
  char* numbers = rest;
  const long long first = strtoll(numbers, &numbers, 10);
  const long long second = strtoll(numbers, &numbers, 10);
  if (strcmp(word, "get") == 0)
    get((size_t)first, (unsigned)second);
  else if (strcmp(word, "health") == 0)
    health((size_t)first);
  else if (strcmp(word, "arguments") == 0)
    arguments();
  else if (strcmp(word, "sockets") == 0)
    printf("%d", count_sockets());
  else if (strcmp(word, "threads") == 0)
    threads((unsigned)first, (unsigned)second);
  else if (strcmp(word, "fork") == 0)
    children(fork_plainly, (unsigned)first, (unsigned)second);
  else if (strcmp(word, "unseen") == 0)
    children(fork_unseen, (unsigned)first, (unsigned)second);
  else if (strcmp(word, "foreign") == 0)
    foreign();
  else if (strcmp(word, "cancel") == 0)
    cancel();
  else if (strcmp(word, "signals") == 0)
    interrupted((size_t)first);
  else if (strcmp(word, "unload") == 0)
    unload(rest);
  else if (strcmp(word, "backlog") == 0)
    backlog(rest);
  else if (strcmp(word, "control") == 0)
    control(rest);
  else if (strcmp(word, "own") == 0)
    own_byte = (int)first;
  else if (strcmp(word, "own-error") == 0)
    own_error = (int)first;
  else if (strcmp(word, "descriptors") == 0)
    (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)first, (rlim_t)first});
  else if (strcmp(word, "hurry") == 0)
    hurry_ns = first * 1000000;
  else
    printf("no command");
}

int main(void) {
  char line[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    obey(line);
    printf("\n");
    (void)fflush(stdout);
  }
  return 0;
}
