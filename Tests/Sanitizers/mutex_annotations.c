// Tells ThreadSanitizer of locks that it cannot see. The quick path of Swift's Mutex is compiled into the program, and so
// instrumented; what it calls where a lock is contended stands in the toolchain's library, which is not. Loaded before that
// library, this stands in between: without it each contended lock is reported as a race.
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void annotated_lock(uint32_t state, SELF void *mutex) __asm__(LOCK);
SWIFT bool annotated_try(SELF void *mutex) __asm__(TRY);
SWIFT void annotated_unlock(SELF void *mutex) __asm__(UNLOCK);

SWIFT void annotated_lock(uint32_t state, SELF void *mutex) {
    typedef SWIFT void (*lock)(uint32_t, SELF void *);
    ((lock)dlsym(RTLD_NEXT, LOCK))(state, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT bool annotated_try(SELF void *mutex) {
    typedef SWIFT bool (*try)(SELF void *);
    bool has = ((try)dlsym(RTLD_NEXT, TRY))(mutex);
    if (has && __tsan_acquire) __tsan_acquire(mutex);
    return has;
}

SWIFT void annotated_unlock(SELF void *mutex) {
    typedef SWIFT void (*unlock)(SELF void *);
    if (__tsan_release) __tsan_release(mutex);
    ((unlock)dlsym(RTLD_NEXT, UNLOCK))(mutex);
}
