// Binds the prebuilt addons to versions of glibc's symbols that 2.28 has, the oldest glibc that
// Node runs on, although they are built with a newer one. The linker redirects each of these names
// here (--wrap in binding.gyp), as it does for find_object.cc; check.sh finds what is missing. In
// glibc 2.34 the functions of libpthread moved to libc with that version. The older versions
// remain, and a Node process has libpthread loaded.
#include <pthread.h>

#include <csignal>
#include <ctime>

// The oldest version on each platform; on x86-64 pthread_condattr_setclock is newer than that.
#if defined(__x86_64__)
#define FLOOR "GLIBC_2.2.5"
#define FLOOR_SETCLOCK "GLIBC_2.3.3"
#elif defined(__aarch64__)
#define FLOOR "GLIBC_2.17"
#define FLOOR_SETCLOCK FLOOR
#else
#error "no prebuilt addon for this processor"
#endif

// The linker and the libraries dictate these names.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

__asm__(".symver floor_create, pthread_create@" FLOOR);
int floor_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument) {
  return floor_create(thread, attributes, start, argument);
}

__asm__(".symver floor_join, pthread_join@" FLOOR);
int floor_join(pthread_t, void**);
int __wrap_pthread_join(pthread_t thread, void** result) { return floor_join(thread, result); }

__asm__(".symver floor_detach, pthread_detach@" FLOOR);
int floor_detach(pthread_t);
int __wrap_pthread_detach(pthread_t thread) { return floor_detach(thread); }

__asm__(".symver floor_once, pthread_once@" FLOOR);
int floor_once(pthread_once_t*, void (*)());
int __wrap_pthread_once(pthread_once_t* control, void (*routine)()) {
  return floor_once(control, routine);
}

__asm__(".symver floor_sigmask, pthread_sigmask@" FLOOR);
int floor_sigmask(int, const sigset_t*, sigset_t*);
int __wrap_pthread_sigmask(int how, const sigset_t* set, sigset_t* before) {
  return floor_sigmask(how, set, before);
}

__asm__(".symver floor_setclock, pthread_condattr_setclock@" FLOOR_SETCLOCK);
int floor_setclock(pthread_condattr_t*, clockid_t);
int __wrap_pthread_condattr_setclock(pthread_condattr_t* attributes, clockid_t clock) {
  return floor_setclock(attributes, clock);
}

// glibc 2.29 has these without an error handler.
__asm__(".symver floor_log2, log2@" FLOOR);
double floor_log2(double);
double __wrap_log2(double value) { return floor_log2(value); }

__asm__(".symver floor_pow, pow@" FLOOR);
double floor_pow(double, double);
double __wrap_pow(double base, double exponent) { return floor_pow(base, exponent); }

// Weak and never called: libgcc takes its presence to mean that there are threads.
__asm__(".symver floor_key_create, __pthread_key_create@" FLOOR);
int floor_key_create(pthread_key_t*, void (*)(void*));
int __wrap___pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  return floor_key_create(key, destructor);
}

// libstdc++ skips atomic operations while this is not 0 (glibc 2.32): it is always 0.
char __libc_single_threaded = 0;

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
