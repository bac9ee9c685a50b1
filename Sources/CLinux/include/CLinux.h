// What Glibc's Swift overlay lacks, as small C functions. Every function returns what the system call returns, and
// leaves errno as the system call left it.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CLinuxSpawn.h"

/// CRC32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes, continued from `crc` (0 to begin); by the
/// processor's instruction where it has one, chosen at run time.
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t length);
/// The same by table, as on a processor without the instruction.
uint32_t clinux_crc32c_by_table(uint32_t crc, const void *bytes, size_t length);

/// The identity of a file: statx(2) with birth time. `birth_*` are 0 where the file system has none.
struct clinux_file_identity {
    uint64_t device;
    uint64_t inode;
    int64_t birth_seconds;
    uint32_t birth_nanoseconds;
    uint32_t mode;
    uint32_t uid;
    uint64_t size;
    uint64_t links;
    int64_t modified_seconds;
    int64_t changed_seconds;
    uint32_t modified_nanoseconds;
    uint32_t changed_nanoseconds;
};

/// fstat by statx(2), on an open descriptor.
int clinux_identity_of(int descriptor, struct clinux_file_identity *out);
/// statx(2) of a path, relative to `directory` (or AT_FDCWD); follows a symbolic link if `follow`.
int clinux_identity_at(int directory, const char *path, int follow, struct clinux_file_identity *out);

/// The magic number (<linux/magic.h>) of the file system that holds a path, by statfs(2).
int clinux_file_system_of(const char *path, uint32_t *magic);

/// The peer of a connected Unix stream socket, by SO_PEERCRED.
int clinux_peer_credentials(int descriptor, uint32_t *pid, uint32_t *uid, uint32_t *gid);
/// The supplementary groups of that peer when it connected, by SO_PEERGROUPS. Returns how many there are; -1 with ERANGE
/// if they are more than `capacity`.
int clinux_peer_groups(int descriptor, uint32_t *groups, int capacity);
/// accept4(2) with SOCK_CLOEXEC | SOCK_NONBLOCK.
int clinux_accept(int descriptor);

/// SO_PASSCRED: datagrams that are sent from now on bring their sender's credentials.
int clinux_pass_credentials(int descriptor);

/// One received datagram.
struct clinux_datagram {
    /// As it was sent; more than the room for it where it was cut off.
    uint32_t length;
    /// 0 where the kernel did not know the sender: it was sent before SO_PASSCRED was set.
    uint32_t pid;
    uint32_t uid;
    uint32_t gid;
};

/// recvmmsg(2) without waiting, with MSG_TRUNC: the datagram at index n is written from `buffer + n * stride` on, at most
/// `room` bytes of it. Descriptors that were passed along are closed. Returns how many came, at most 64; -1 with errno.
int clinux_receive_datagrams(int descriptor, void *buffer, size_t stride, size_t room, int capacity,
                             struct clinux_datagram *out);

/// eventfd(2), close-on-exec and non-blocking.
int clinux_event_descriptor(void);

/// epoll(7).
struct clinux_epoll_event {
    uint32_t events;
    uint64_t data;
};
int clinux_epoll_create(void);
int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data);
int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int capacity, int timeout_milliseconds);
extern const uint32_t clinux_epoll_in, clinux_epoll_out, clinux_epoll_hang_up, clinux_epoll_read_hang_up, clinux_epoll_error;
extern const int clinux_epoll_add, clinux_epoll_modify, clinux_epoll_remove;

/// open(2) and openat(2) without variadic arguments.
int clinux_open_at(int directory, const char *path, int flags, unsigned int mode);

/// The kernel's id of the calling thread.
pid_t clinux_thread_id(void);
/// Names the calling thread (at most 15 bytes), as `top -H` shows it.
void clinux_name_thread(const char *name);

/// mallopt(3): few arenas, and large blocks go back to the system when they are freed.
void clinux_give_memory_back(void);

/// fallocate(2) with mode 0: reserves the blocks and extends the file.
int clinux_allocate(int descriptor, int64_t length);

/// fallocate(2) with FALLOC_FL_KEEP_SIZE: reserves the blocks; the file stays as long as it is.
int clinux_reserve(int descriptor, int64_t length);

#endif
