#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

int berth_set_affinity(const uint64_t *words, size_t count) {
  return (int)syscall(SYS_sched_setaffinity, 0, count * sizeof(uint64_t), words);
}

int berth_set_affinity_of(pid_t thread, const uint64_t *words, size_t count) {
  return (int)syscall(SYS_sched_setaffinity, thread, count * sizeof(uint64_t), words);
}

int berth_get_affinity(uint64_t *words, size_t count) {
  memset(words, 0, count * sizeof(uint64_t));
  return syscall(SYS_sched_getaffinity, 0, count * sizeof(uint64_t), words) < 0 ? -1 : 0;
}

int berth_set_memory_policy(int mode, const uint64_t *words, size_t count) {
  return (int)syscall(SYS_set_mempolicy, mode, count == 0 ? NULL : words, count * 64);
}

int berth_get_memory_policy(uint64_t *words, size_t count) {
  int mode = -1;
  memset(words, 0, count * sizeof(uint64_t));
  return syscall(SYS_get_mempolicy, &mode, words, count * 64, NULL, 0) < 0 ? -1 : mode;
}

int berth_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int berth_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int berth_spawn(pid_t *pid, const char *path, const char *directory, char *const argv[], char *const envp[],
                int standard_input, int standard_output, int standard_error) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  if (directory != NULL) posix_spawn_file_actions_addchdir_np(&actions, directory);
  posix_spawn_file_actions_adddup2(&actions, standard_input, 0);
  posix_spawn_file_actions_adddup2(&actions, standard_output, 1);
  posix_spawn_file_actions_adddup2(&actions, standard_error, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  error = posix_spawn(pid, path, &actions, &attributes, argv, envp);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int berth_signal_descriptor(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int berth_next_signal(int descriptor) {
  struct signalfd_siginfo info;
  ssize_t size = read(descriptor, &info, sizeof info);
  if (size == (ssize_t)sizeof info) return (int)info.ssi_signo;
  return size < 0 && errno == EAGAIN ? 0 : -1;
}

static void fill(struct berth_wait *result, const struct rusage *usage) {
  result->user_microseconds = (int64_t)usage->ru_utime.tv_sec * 1000000 + usage->ru_utime.tv_usec;
  result->system_microseconds = (int64_t)usage->ru_stime.tv_sec * 1000000 + usage->ru_stime.tv_usec;
  result->peak_kilobytes = usage->ru_maxrss;
}

pid_t berth_wait_any(struct berth_wait *result) {
  int status = 0;
  struct rusage usage;
  pid_t pid = wait4(-1, &status, WNOHANG, &usage);
  if (pid <= 0) return pid;
  result->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  fill(result, &usage);
  return pid;
}

pid_t berth_ended_child(void) {
  siginfo_t info;
  info.si_pid = 0;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? -1 : info.si_pid;
}

void berth_children_usage(struct berth_wait *result) {
  struct rusage usage;
  memset(&usage, 0, sizeof usage);
  getrusage(RUSAGE_CHILDREN, &usage);
  fill(result, &usage);
}

static int unix_socket(const char *path, struct sockaddr_un *address) {
  if (strlen(path) >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strcpy(address->sun_path, path);
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int berth_listen_unix(const char *path, int backlog) {
  struct sockaddr_un address;
  int descriptor = unix_socket(path, &address);
  if (descriptor < 0) return -1;
  unlink(path);
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 && listen(descriptor, backlog) == 0)
    return descriptor;
  int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

int berth_connect_unix(const char *path) {
  struct sockaddr_un address;
  int descriptor = unix_socket(path, &address);
  if (descriptor < 0) return -1;
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

int berth_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int berth_is_in_memory(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 && status.f_type == 0x01021994;  // TMPFS_MAGIC
}

int berth_lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int berth_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int berth_poller(void) { return epoll_create1(EPOLL_CLOEXEC); }

int berth_poller_watch(int poller, int descriptor) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.fd = descriptor;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0) return 0;
  return errno == EEXIST ? epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event) : -1;
}

int berth_poller_wait(int poller, int *ready, int most) {
  struct epoll_event events[64];
  int count = epoll_wait(poller, events, most < 64 ? most : 64, -1);
  if (count < 0) return errno == EINTR ? 0 : -1;
  for (int index = 0; index < count; index++) ready[index] = events[index].data.fd;
  return count;
}
