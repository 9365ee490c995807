#define _GNU_SOURCE
#include "CLinuxFiles.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int berth_exchange(const char *first, const char *second) {
  return renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
}

int berth_punch_hole(int descriptor, int64_t offset, int64_t length) {
  return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int64_t berth_next_data(int descriptor, int64_t offset) { return lseek(descriptor, offset, SEEK_DATA); }
int64_t berth_next_hole(int descriptor, int64_t offset) { return lseek(descriptor, offset, SEEK_HOLE); }

void berth_yield_to_jobs(void) {
  const int class_best_effort = 2, level = 7, of_thread = 1;
  syscall(SYS_ioprio_set, of_thread, 0, class_best_effort << 13 | level);
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 10);
}

int berth_act_as(uid_t user, gid_t group, const gid_t *groups, size_t count) {
  // The system call, since the library's function changes every thread of the process.
  if (syscall(SYS_setgroups, count, groups) != 0) return -1;
  setfsgid(group);
  setfsuid(user);
  // They tell the id before the call; an id that cannot be set changes nothing and tells the present one.
  return setfsgid((gid_t)-1) == (int)group && setfsuid((uid_t)-1) == (int)user ? 0 : -1;
}
