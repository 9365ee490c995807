// Calls of Linux that Swift's Glibc module does not show: as functions with plain types.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The largest CPU and NUMA node number handled, exclusive.
#define BERTH_MAX_CPUS 8192
#define BERTH_MAX_NODES 1024

// sched_setaffinity(2) of the calling thread; `words` is a bitmap. 0, or -1 with errno set.
int berth_set_affinity(const uint64_t *words, size_t count);
// The same for any thread of this user's.
int berth_set_affinity_of(pid_t thread, const uint64_t *words, size_t count);
// sched_getaffinity(2) into `words`. 0, or -1 with errno set.
int berth_get_affinity(uint64_t *words, size_t count);

// set_mempolicy(2): 0 default, 1 preferred, 2 bind, 3 interleave.
int berth_set_memory_policy(int mode, const uint64_t *words, size_t count);
// get_mempolicy(2): the mode, or -1 with errno set.
int berth_get_memory_policy(uint64_t *words, size_t count);

// prctl(PR_SET_CHILD_SUBREAPER).
int berth_become_subreaper(void);
// pidfd_open(2).
int berth_pidfd_open(pid_t pid);
// Starts a program with posix_spawn(3): default signal handlers, empty mask, a session of its own, the three standard
// streams and no other descriptor. 0, or an errno.
int berth_spawn(pid_t *pid, const char *path, const char *directory, char *const argv[], char *const envp[],
                int standard_input, int standard_output, int standard_error);
// A descriptor that becomes readable when SIGCHLD or SIGTERM is pending; both are blocked.
int berth_signal_descriptor(void);
// Reads one signal from it: the number, 0 if none is there, or -1.
int berth_next_signal(int descriptor);
// wait4(2) for any child without blocking: the pid, 0, or -1; `code` is the exit code or -1, `signal` the signal or 0.
struct berth_wait {
  int code;
  int signal;
  int64_t user_microseconds;
  int64_t system_microseconds;
  int64_t peak_kilobytes;
};
pid_t berth_wait_any(struct berth_wait *result);
// Which child has ended without reaping it: the pid, 0 or -1.
pid_t berth_ended_child(void);
// CPU time and largest resident size of all children that were reaped.
void berth_children_usage(struct berth_wait *result);
// Binds and listens, or connects, on a Unix socket; -1 with errno set. Paths longer than sun_path give ENAMETOOLONG.
int berth_listen_unix(const char *path, int backlog);
int berth_connect_unix(const char *path);
// accept4(2): close on exec, not blocking.
int berth_accept(int listener);
// A pipe that is closed on exec: reading end first. 0, or -1 with errno set.
int berth_pipe(int ends[2]);
// An epoll(7) descriptor; `watch` reports a descriptor once when it is readable; `wait` fills in those that are.
int berth_poller(void);
int berth_poller_watch(int poller, int descriptor);
int berth_poller_wait(int poller, int *ready, int most);
// Whether the path lies on a tmpfs (statfs(2)): 1 or 0.
int berth_is_in_memory(const char *path);
// flock(2), exclusive, without waiting: 0 if it is ours now.
int berth_lock(int descriptor);

#endif
