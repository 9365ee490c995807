// Starting a job's process in its control groups, bound, and as its user, in one step; and what else a keeper needs to
// act for a user.
#ifndef CLINUX_LAUNCH_H
#define CLINUX_LAUNCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Where a start failed.
enum berth_launch_step {
  BERTH_STEP_FORK,
  BERTH_STEP_GROUP,      // `failed_group` tells which
  BERTH_STEP_LIMIT,
  BERTH_STEP_ANNOUNCEMENT,  // it still stands, and nobody will take it away
  BERTH_STEP_USER,
  BERTH_STEP_DIRECTORY,
  BERTH_STEP_STREAMS,
  BERTH_STEP_PROGRAM,
  BERTH_STEP_KILLED,  // somebody ended the process before its program began
};

// What is to be started, and what the kernel granted it.
struct berth_launch {
  const char *path;
  const char *directory;
  char *const *argv;
  char *const *envp;
  int streams[3];

  // A version 2 control group's directory in which the process is born (CLONE_INTO_CGROUP, clone3(2)), or -1. Joining one
  // afterwards waits for a grace period of the kernel, about 10 ms; being born there does not.
  int birthplace;
  // Open files that the process writes `0` to so as to join a group, in this order: of version 1, `tasks`, which does not
  // wait either for a process that moves itself.
  const int *groups;
  size_t group_count;

  // PUs and NUMA nodes as bitmaps of BERTH_MAX_CPUS and BERTH_MAX_NODES bits; NULL binds to none. `memory_mode` as in
  // set_mempolicy(2).
  const uint64_t *cpus;
  const uint64_t *nodes;
  int memory_mode;

  // How much memory of its own the process and each of its children may have, in bytes (RLIMIT_DATA, getrlimit(2)); 0 for
  // any.
  uint64_t data_limit;

  // A file, or NULL. Where it is there, the process is ready but for its user's rights, and waits for a message on the
  // socket `agent` or its end; then it goes on if the file is gone. While it waits it does not outlive its parent.
  const char *announcement;
  int agent;

  // Whether it becomes another user, with exactly these groups and no capability.
  int changes_user;
  uid_t user;
  gid_t group;
  const gid_t *further_groups;
  size_t further_group_count;

  // Of the process itself, just before its program began: its PUs, its memory policy and the nodes of that. The errno
  // of a binding that the kernel refused, or 0.
  uint64_t granted_cpus[128];
  uint64_t granted_nodes[16];
  int granted_memory_mode;
  int cpu_error;
  int memory_error;

  enum berth_launch_step failed_step;
  size_t failed_group;
  int error;
};

// Starts the program in a session of its own, with default signal handlers, an empty mask and no other descriptor than
// the three streams. The new process itself joins the groups, so nothing of it ever ran outside. Returns the process
// (whose program has begun), or -1 with errno and `failed_step` set; EINVAL, E2BIG or ENOSYS at BERTH_STEP_FORK where there
// is no being born in a group: before Linux 5.7, and on processors other than x86-64 and 64-bit ARM.
pid_t berth_launch(struct berth_launch *launch);

// fork(2) of a process with one thread, which Swift does not offer. The child leads a session of its own.
pid_t berth_fork(void);
// Names the process in lists (the first 15 bytes), makes the two descriptors its standard input and output, and closes
// all others but standard error: 0, or -1 with errno set. None of the first three may be closed before.
int berth_settle(const char *name, int standard_input, int standard_output);
// Makes a process that has done its work one that waits for more: named so, in the root directory, with default signal
// handlers and an empty mask.
void berth_rest(const char *name);
// Names the process in lists.
void berth_rename(const char *name);

// What `data_limit` does, to a process that runs (0 for the calling one): 0, or -1 with errno set.
int berth_limit_data(pid_t process, uint64_t bytes);

// Takes on, or gives back, a user's rights over files (the effective ids of the whole process). 0, or -1 with errno set.
int berth_impersonate(uid_t user, gid_t group, const gid_t *groups, size_t count);
int berth_be_oneself(void);

// Whether the path lies on a cgroup2 file system (statfs(2)): 1 or 0.
int berth_is_cgroup2(const char *path);
// A timerfd(2) of CLOCK_BOOTTIME that becomes readable at the time, in milliseconds since the boot; -1 with errno set.
int berth_boot_alarm(int64_t milliseconds);

#endif
